#!/bin/sh
# Makes passwords for compose.yaml, once. Whoever can read this folder can read everything; what is in it is mounted into
# the containers one by one, where users of other numbers must be able to read it.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
	echo "there is a folder secrets already: nothing was done" >&2
	exit 1
fi
new=$(mktemp -d ./secrets.XXXXXX)
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
put() { printf '%s\n' "$2" >"$new/$1"; chmod 0444 "$new/$1"; }

mongo=$(password)
redis=$(password)
put mongo_key "$(password)$(password)"
put mongo_root_password "$(password)"
put mongo_password "$mongo"
put mongodb_url "mongodb://madang:$mongo@mongo-1:27017,mongo-2:27017,mongo-3:27017/madang?replicaSet=rs0&authSource=madang"
put kafka_password "$(password)"
put redis_password "$redis"
put redis_url "redis://:$redis@redis:6379/0"
mv "$new" secrets

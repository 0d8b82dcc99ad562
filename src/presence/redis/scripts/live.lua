-- A node lives. Answers whether it was known to, and the number of the newest change.
local node = ARGV[FIRST]
local known = redis.call('ZADD', prefix .. 'nodes', text(now), node) == 0
return { known and '1' or '0', text(head()) }

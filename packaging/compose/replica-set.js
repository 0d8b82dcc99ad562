// Run by mongosh: makes the replica set, and Madang's user. What is there already stays.
const fs = require("fs");
const secret = (name) => fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();

const root = `root:${secret("mongo_root_password")}`;
const patience = "serverSelectionTimeoutMS=60000";
const admin = new Mongo(`mongodb://${root}@mongo-1:27017/?directConnection=true&${patience}`).getDB("admin");
try {
  admin.runCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  const members = ["mongo-1", "mongo-2", "mongo-3"].map((host, _id) => ({ _id, host: `${host}:27017` }));
  admin.runCommand({ replSetInitiate: { _id: "rs0", members } });
}

// Which of them is the primary is for them to say.
const hosts = "mongo-1:27017,mongo-2:27017,mongo-3:27017";
const madang = new Mongo(`mongodb://${root}@${hosts}/?replicaSet=rs0&${patience}`).getDB("madang");
if (madang.getUser("madang") === null) {
  madang.createUser(
    { user: "madang", pwd: secret("mongo_password"), roles: [{ role: "readWrite", db: "madang" }] },
    { w: "majority" },
  );
}

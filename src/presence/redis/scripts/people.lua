-- What every script begins with: everybody who is here, or was in the last two weeks.
--
-- A script runs alone, and so each is one step that all nodes see done or not done. The keys, behind the prefix:
--   nodes         sorted set: each node, by when it was heard of last
--   dying         sorted set: nodes that are gone and whose users were not all ended yet, by when they went
--   node:<node>   set: the users with sessions on a node
--   user:<user>   hash: what is known of a user, and for each node under n:<node> what the sessions there add up to
--   room:<room>   sorted set, all with the same score and so in the order of their ids: who is seen to look at a room
--   due           sorted set: users without a session, by when their grace ends, or later what is known of them
--   changes       stream: what nodes are told; the first part of an entry's id is the change's number

local prefix, given = ARGV[1], ARGV[2]
local grace, kept, dead_after, kept_changes = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
-- Where a script's own arguments begin.
local FIRST = 7

-- As Lua would write it, a large number loses its last digits.
local function text(number)
    return string.format('%.0f', number)
end

local now = tonumber(given)
if now == nil then
    local time = redis.call('TIME')
    now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- User, room and time, one after the other, of those who left a room.
local leavings = {}

local newest = nil

-- The number of the newest change. Where nothing is known, numbers begin with the time: they grow even when everything
-- was lost.
local function head()
    if newest ~= nil then
        return newest
    end
    local last = redis.call('XREVRANGE', prefix .. 'changes', '+', '-', 'COUNT', 1)[1]
    if last ~= nil then
        newest = tonumber(string.match(last[1], '^%d+'))
    else
        newest = now * 1000
        redis.call('XADD', prefix .. 'changes', text(newest) .. '-1', 'begin', '1')
    end
    return newest
end

local function tell(fields)
    newest = head() + 1
    redis.call('XADD', prefix .. 'changes', 'MAXLEN', '~', kept_changes, text(newest) .. '-1', unpack(fields))
end

-- What is written when it has become different.
local FIELDS = { 'said', 'told', 'told_said', 'lingers', 'rooms', 'left' }

local function load(user)
    local person = { user = user, tallies = {}, stored = {} }
    local flat = redis.call('HGETALL', prefix .. 'user:' .. user)
    for i = 1, #flat, 2 do
        if string.sub(flat[i], 1, 2) == 'n:' then
            person.tallies[string.sub(flat[i], 3)] = flat[i + 1]
        else
            person[flat[i]] = flat[i + 1]
            person.stored[flat[i]] = flat[i + 1]
        end
    end
    return person
end

local function save(person)
    local key = prefix .. 'user:' .. person.user
    for _, field in ipairs(FIELDS) do
        local value = person[field]
        if value == nil and person.stored[field] ~= nil then
            redis.call('HDEL', key, field)
        elseif value ~= person.stored[field] then
            redis.call('HSET', key, field, value)
        end
    end
end

-- What the sessions on a node add up to: '1' when all are idle or else '0', and the rooms that they look at; nil for none.
local function set_tally(person, node, tally)
    person.tallies[node] = tally
    local key = prefix .. 'user:' .. person.user
    if tally == nil then
        redis.call('HDEL', key, 'n:' .. node)
        redis.call('SREM', prefix .. 'node:' .. node, person.user)
    else
        redis.call('HSET', key, 'n:' .. node, tally)
        redis.call('SADD', prefix .. 'node:' .. node, person.user)
    end
end

-- What is said is kept as '<version> <choice> <the rest>'.
local function hear(person, said)
    local function version(of)
        return tonumber(string.match(of or '0', '^%d+'))
    end
    if said ~= '' and version(said) > version(person.said) then
        person.said = said
    end
end

local function choice(person)
    return person.said and string.match(person.said, '^%d+ (%S+)') or 'online'
end

local function look(person)
    local found = { here = next(person.tallies) ~= nil, rooms = {}, looks = {} }
    for _, tally in pairs(person.tallies) do
        for room in string.gmatch(string.sub(tally, 3), '%S+') do
            if not found.looks[room] then
                found.looks[room] = true
                table.insert(found.rooms, room)
            end
        end
    end
    table.sort(found.rooms)
    -- Whether others may see where it looks.
    found.seen = choice(person) ~= 'invisible'
    return found
end

local function all_idle(person)
    for _, tally in pairs(person.tallies) do
        if string.sub(tally, 1, 1) ~= '1' then
            return false
        end
    end
    return true
end

local function status(person)
    local here = next(person.tallies) ~= nil
    if not here and not person.lingers then
        return 'offline'
    end
    local chosen = choice(person)
    if chosen ~= 'online' then
        return chosen
    end
    if here then
        return all_idle(person) and 'idle' or 'online'
    end
    return person.told == 'idle' and 'idle' or 'online'
end

-- Tells what is to be told of somebody, if anything.
local function settle(person)
    local after = status(person)
    local said = after ~= 'offline' and person.said or nil
    local before = person.told or 'offline'
    if after == before and said == person.told_said then
        return
    end
    tell({
        'user', person.user, 'before', before, 'after', after, 'rooms', person.rooms or '',
        'said_before', person.told_said or '', 'said_after', said or '',
    })
    person.told = after ~= 'offline' and after or nil
    person.told_said = said
end

local function move(person, was, is, at)
    for _, room in ipairs(was.rooms) do
        if not is.looks[room] then
            person.left = room .. ' ' .. text(at)
            table.insert(leavings, person.user)
            table.insert(leavings, room)
            table.insert(leavings, text(at))
        end
        if was.seen and not (is.seen and is.looks[room]) then
            redis.call('ZREM', prefix .. 'room:' .. room, person.user)
        end
    end
    for _, room in ipairs(is.rooms) do
        if is.seen and not (was.seen and was.looks[room]) then
            redis.call('ZADD', prefix .. 'room:' .. room, 0, person.user)
        end
    end
    person.rooms = #is.rooms > 0 and table.concat(is.rooms, ' ') or nil
end

-- Changes a person, and what follows from it: rooms, what is due, and what is to be told.
local function change(user, at, alter)
    local person = load(user)
    local was = look(person)
    alter(person)
    local is = look(person)
    if is.here then
        person.lingers = nil
        redis.call('ZREM', prefix .. 'due', user)
    elseif was.here then
        person.lingers = '1'
        redis.call('ZADD', prefix .. 'due', text(at + grace), user)
    else
        redis.call('ZADD', prefix .. 'due', 'NX', text(at + kept), user)
    end
    move(person, was, is, at)
    settle(person)
    save(person)
end

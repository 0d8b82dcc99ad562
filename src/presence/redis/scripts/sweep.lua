-- Ends what is overdue: sessions of dead nodes, graces, and what is known of those who were away for long. Looks at so many
-- users at most; answers whether there may be more, and the leavings.
local left = tonumber(ARGV[FIRST])

local function bury(node, at)
    local users = redis.call('SPOP', prefix .. 'node:' .. node, left)
    for _, user in ipairs(users) do
        change(user, at, function(person)
            set_tally(person, node, nil)
        end)
    end
    left = left - #users
    if redis.call('EXISTS', prefix .. 'node:' .. node) == 0 then
        redis.call('ZREM', prefix .. 'dying', node)
    end
end

local function end_due(user, at)
    local person = load(user)
    if not person.lingers then
        redis.call('ZREM', prefix .. 'due', user)
        redis.call('DEL', prefix .. 'user:' .. user)
        return
    end
    person.lingers = nil
    -- From the moment of leaving: the grace is a part of it.
    redis.call('ZADD', prefix .. 'due', text(at + kept - grace), user)
    settle(person)
    save(person)
end

local silent = '(' .. text(now - dead_after)
local dead = redis.call('ZRANGEBYSCORE', prefix .. 'nodes', '-inf', silent, 'WITHSCORES', 'LIMIT', 0, left)
for i = 1, #dead, 2 do
    redis.call('ZREM', prefix .. 'nodes', dead[i])
    redis.call('ZADD', prefix .. 'dying', dead[i + 1], dead[i])
end
-- More nodes than may be looked at in one step die in the next.
local dying = redis.call('ZRANGE', prefix .. 'dying', 0, left, 'WITHSCORES')
for i = 1, #dying, 2 do
    if left > 0 then
        bury(dying[i], tonumber(dying[i + 1]))
    end
end
if left > 0 then
    local due = redis.call('ZRANGEBYSCORE', prefix .. 'due', '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, left)
    for i = 1, #due, 2 do
        end_due(due[i], tonumber(due[i + 1]))
    end
    left = left - #due / 2
end
table.insert(leavings, 1, left <= 0 and '1' or '0')
return leavings

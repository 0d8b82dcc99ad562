-- What became of users on a node: user, tally and what is said, one after the other. A tally is '=' as it was, '-' for no
-- session any more. Answers whether the node is known to live, and the leavings; nothing is done when it is not, because
-- its sessions would never end.
local node = ARGV[FIRST]
if not redis.call('ZSCORE', prefix .. 'nodes', node) then
    return { '0' }
end
redis.call('ZADD', prefix .. 'nodes', text(now), node)
for i = FIRST + 1, #ARGV, 3 do
    local tally, said = ARGV[i + 1], ARGV[i + 2]
    change(ARGV[i], now, function(person)
        hear(person, said)
        if tally == '-' then
            set_tally(person, node, nil)
        elseif tally ~= '=' then
            set_tally(person, node, tally)
        end
    end)
end
table.insert(leavings, 1, '1')
return leavings

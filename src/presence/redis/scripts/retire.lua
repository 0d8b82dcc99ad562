-- Nodes go of their own accord. Their users are ended by whoever sweeps next.
for i = FIRST, #ARGV do
    if redis.call('ZREM', prefix .. 'nodes', ARGV[i]) == 1 then
        redis.call('ZADD', prefix .. 'dying', text(now), ARGV[i])
    end
end
return { '1' }

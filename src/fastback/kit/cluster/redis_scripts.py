"""Scripts that change several keys of Redis at once. The keys of a script have one hash tag, so a cluster runs it, too.

Times are those of Redis, so that processes with different clocks agree. Numbers that must grow (fencing tokens, ids of
stream entries) are microseconds since 1970: they grow even when Redis has lost everything.
"""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local micros = time[1] * 1000000 + time[2]
"""

#: Keys: the lease, the last token. Arguments: the holder, milliseconds. Returns the token, or nil.
ACQUIRE_LEASE = f"""{_NOW}
if redis.call('EXISTS', KEYS[1]) == 1 then return nil end
local token = math.max(micros, tonumber(redis.call('GET', KEYS[2]) or '0') + 1)
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text, 'PX', 86400000)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return text
"""

#: Keys: the lease, the last token. Arguments: the holder, milliseconds, its token.
#: Returns 1, or 0 where another holds it. A lease that Redis has lost is stored again, and so is its token: the clock
#: of a new master may be behind that of the former.
RENEW_LEASE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if tonumber(redis.call('GET', KEYS[2]) or '0') <= tonumber(ARGV[3]) then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', 86400000)
end
return 1
"""

#: Key: the lease. Argument: the holder.
RELEASE_LEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""

#: Key: the counter. Arguments: the amount, milliseconds or 0. Returns the count.
INCREMENT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == 0 then redis.call('DEL', KEYS[1])
elseif ARGV[2] == '0' then redis.call('PERSIST', KEYS[1])
else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return count
"""

# A table is a hash, and a sorted set of the deadlines of its entries (milliseconds since 1970).
_DROP_EXPIRED = f"""{_NOW}
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
while #expired > 0 do
  redis.call('HDEL', KEYS[1], unpack(expired))
  redis.call('ZREM', KEYS[2], unpack(expired))
  expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
end
"""

#: Keys: the hash, the deadlines. Arguments: the key, the value, milliseconds or 0, '1' to keep an existing value.
PUT_ENTRY = f"""{_DROP_EXPIRED}
if ARGV[4] == '1' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[3] == '0' then redis.call('ZREM', KEYS[2], ARGV[1])
else redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1]) end
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if last[2] and redis.call('ZCARD', KEYS[2]) == redis.call('HLEN', KEYS[1]) then
  redis.call('PEXPIREAT', KEYS[1], last[2])
  redis.call('PEXPIREAT', KEYS[2], last[2])
else
  redis.call('PERSIST', KEYS[1])
  redis.call('PERSIST', KEYS[2])
end
return 1
"""

#: Keys: the hash, the deadlines. Argument: the key. Returns the value, or nil.
GET_ENTRY = f"""{_NOW}
local deadline = redis.call('ZSCORE', KEYS[2], ARGV[1])
if deadline and tonumber(deadline) <= now then return false end
return redis.call('HGET', KEYS[1], ARGV[1])
"""

#: Keys: the hash, the deadlines. Returns keys and values in turn.
LIST_ENTRIES = f"""{_DROP_EXPIRED}
return redis.call('HGETALL', KEYS[1])
"""

#: Keys: the hash, the deadlines. Argument: the key. Returns how many were deleted.
DELETE_ENTRY = f"""{_DROP_EXPIRED}
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
"""

#: Key: the stream. Arguments: the content, the limit, milliseconds, an id or 0 for a new one. Returns the id.
APPEND = f"""{_NOW}
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local id = tonumber(ARGV[4])
if id == 0 then id = micros end
if last[1] then id = math.max(id, tonumber(string.match(last[1][1], '^%d+')) + 1) end
local text = string.format('%.0f', id)
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], text .. '-0', 'c', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return text
"""

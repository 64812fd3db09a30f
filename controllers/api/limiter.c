#include "controllers/api/limiter.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

void limiter_done(struct limiter *l)
{
	free(l->entries);
	*l = (struct limiter){0};
}

/* FNV-1a over the address without its port. An IPv6 peer counts by its /64: one machine has all of that. */
static uint64_t address_hash(const char *peer)
{
	const char *colon = strrchr(peer, ':');
	size_t len = colon ? (size_t)(colon - peer) : strlen(peer);
	if (peer[0] == '[') {
		unsigned groups = 0;
		for (size_t i = 0; i < len; i++)
			if (peer[i] == ':' && ++groups == 4)
				len = i;
	}
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)peer[i]) * UINT64_C(0x100000001b3);
	return h;
}

static struct limiter_entry *find(const struct limiter *l, uint64_t address)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->entries[i].address == address)
			return &l->entries[i];
	return NULL;
}

int64_t limiter_blocked(const struct limiter *l, const char *peer, int64_t now_ms)
{
	const struct limiter_entry *e = l->count ? find(l, address_hash(peer)) : NULL;
	if (!e || e->failures < LIMITER_FAILURES || now_ms >= e->last_ms + LIMITER_BLOCK_MS)
		return 0;
	return e->last_ms + LIMITER_BLOCK_MS - now_ms;
}

static struct limiter_entry *room(struct limiter *l)
{
	if (!l->entries)
		l->entries = mem_zalloc(LIMITER_ADDRESSES * sizeof(*l->entries));
	if (l->count < LIMITER_ADDRESSES)
		return &l->entries[l->count++];
	struct limiter_entry *oldest = &l->entries[0];
	for (size_t i = 1; i < l->count; i++)
		if (l->entries[i].last_ms < oldest->last_ms)
			oldest = &l->entries[i];
	return oldest;
}

void limiter_failed(struct limiter *l, const char *peer, int64_t now_ms)
{
	uint64_t address = address_hash(peer);
	struct limiter_entry *e = find(l, address);
	bool blocked_before = e && e->failures >= LIMITER_FAILURES;
	if (!e || blocked_before || now_ms >= e->since_ms + LIMITER_WINDOW_MS) {
		e = e ? e : room(l);
		*e = (struct limiter_entry){.address = address, .since_ms = now_ms};
	}
	e->failures++;
	e->last_ms = now_ms;
}

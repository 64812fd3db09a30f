#include "etcd/wire.h"

#include <errno.h>

#include "core/limits.h"
#include "core/mem.h"

#define KEEP_BODY 4096 /* a reader's buffer beyond this is given back after its message */

struct wire_bytes wire_pack(const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	struct wire_bytes b = {.data = mem_alloc(WIRE_PREFIX + len), .len = WIRE_PREFIX + len};
	b.data[0] = 0;
	for (unsigned i = 0; i < 4; i++)
		b.data[1 + i] = (uint8_t)(len >> (24 - 8 * i));
	(void)protobuf_c_message_pack(message, b.data + WIRE_PREFIX);
	return b;
}

/* The first key after all keys that begin with prefix: the last byte that can grow grows, the rest goes. */
static ProtobufCBinaryData prefix_end(struct arena *a, const char *prefix)
{
	size_t len = strlen(prefix);
	uint8_t *end = arena_dup(a, prefix, len + 1);
	while (len && end[len - 1] == 0xff)
		len--;
	if (!len) { /* nothing is greater: "\0" stands for the end of all keys */
		end[0] = 0;
		return (ProtobufCBinaryData){.len = 1, .data = end};
	}
	end[len - 1]++;
	return (ProtobufCBinaryData){.len = len, .data = end};
}

void wire_range(struct arena *a, const char *key, bool prefix, const char *after,
                ProtobufCBinaryData *ret_key, ProtobufCBinaryData *ret_end)
{
	const char *from = after && strcmp(after, key) >= 0 ? after : key;
	size_t len = strlen(from);
	ret_key->data = arena_dup(a, from, len + 1);
	/* the smallest key greater than `after` is `after` and a NUL; the first key of all is a NUL */
	ret_key->len = from == after || len == 0 ? len + 1 : len;
	*ret_end = prefix ? prefix_end(a, key) : (ProtobufCBinaryData){0};
}

void wire_reader_done(struct wire_reader *r)
{
	str_done(&r->body);
	*r = (struct wire_reader){0};
}

static int take_prefix(struct wire_reader *r, const uint8_t **data, size_t *len)
{
	while (r->prefix_len < WIRE_PREFIX && *len) {
		r->prefix[r->prefix_len++] = *(*data)++;
		(*len)--;
	}
	if (r->prefix_len < WIRE_PREFIX)
		return 0;
	if (r->prefix[0] != 0)
		return -EBADMSG;
	r->need = (uint32_t)r->prefix[1] << 24 | (uint32_t)r->prefix[2] << 16 | (uint32_t)r->prefix[3] << 8 |
	          r->prefix[4];
	return r->need > LIMIT_STORE_MESSAGE ? -EMSGSIZE : 1;
}

static void forget_body(struct wire_reader *r)
{
	r->handed_out = false;
	if (r->body.cap > KEEP_BODY)
		str_done(&r->body);
	else
		str_clear(&r->body);
}

int wire_next(struct wire_reader *r, const uint8_t **data, size_t *len, const uint8_t **ret_message,
              size_t *ret_len)
{
	if (r->handed_out)
		forget_body(r);
	if (r->prefix_len < WIRE_PREFIX) {
		int got = take_prefix(r, data, len);
		if (got <= 0)
			return got;
	}
	size_t missing = r->need - r->body.len;
	if (!r->body.len && *len >= missing) { /* whole in what arrived: no copy */
		*ret_message = *data;
	} else {
		size_t n = MIN(*len, missing);
		str_add(&r->body, *data, n);
		if (n < missing) {
			*data += n;
			*len = 0;
			return 0;
		}
		r->handed_out = true;
		*ret_message = (const uint8_t *)r->body.data;
	}
	*ret_len = r->need;
	*data += missing;
	*len -= missing;
	r->prefix_len = 0;
	return 1;
}

/* One byte more than asked for, zeroed: what makes every byte field end in a NUL. */
static void *arena_alloc_text(void *arena, size_t size)
{
	return arena_alloc(arena, size + 1);
}

static void arena_free_nothing(void *arena _unused_, void *p _unused_)
{
}

void *wire_unpack(struct arena *a, const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
	ProtobufCAllocator allocator = {
	        .alloc = arena_alloc_text, .free = arena_free_nothing, .allocator_data = a};
	return protobuf_c_message_unpack(type, &allocator, len, data);
}

struct store_kv wire_kv(const Rpc__KeyValue *kv)
{
	return (struct store_kv){.key = wire_get(&kv->key),
	                         .value = wire_get(&kv->value),
	                         .value_len = kv->value.len,
	                         .create_rev = kv->create_revision,
	                         .mod_rev = kv->mod_revision,
	                         .version = kv->version,
	                         .lease = kv->lease};
}

bool wire_key_is_text(const ProtobufCBinaryData *key)
{
	return key->len && !memchr(key->data, 0, key->len);
}

/* clang-format off */
static const struct {
	int status;
	const char *text; /* what the status text contains; NULL: anything */
	struct wire_verdict verdict;
} verdicts[] = {
	/* the first row that fits; texts are those of etcd's rpctypes/error.go */
	{3,  "request is too large",                {STORE_E_TOO_LARGE, true, false}},
	{3,  "too many operations",                 {STORE_E_TOO_LARGE, true, false}},
	{3,  "revision of auth store is old",       {STORE_E_UNAVAILABLE, true, true}},
	{3,  "authentication failed",               {STORE_E_DENIED, true, false}},
	{3,  "user name is empty",                  {STORE_E_UNAVAILABLE, true, true}}, /* no token was sent */
	{3,  NULL,                                  {STORE_E_INTERNAL, true, false}},
	{5,  "lease not found",                     {STORE_E_NO_LEASE, true, false}},
	{7,  NULL,                                  {STORE_E_DENIED, true, false}},
	{8,  "space exceeded",                      {STORE_E_NO_SPACE, true, false}},
	{8,  "larger than max",                     {STORE_E_TOO_LARGE, true, false}},
	{8,  "too many requests",                   {STORE_E_UNAVAILABLE, true, false}},
	{11, "revision",                            {STORE_E_COMPACTED, true, false}}, /* compacted, or not there yet */
	{12, NULL,                                  {STORE_E_INTERNAL, true, false}},
	{14, "no leader",                           {STORE_E_UNAVAILABLE, true, false}}, /* refused at the door */
	{14, NULL,                                  {STORE_E_UNAVAILABLE, false, false}},
	{16, NULL,                                  {STORE_E_UNAVAILABLE, true, true}},
	{4,  NULL,                                  {STORE_E_UNAVAILABLE, false, false}},
	{1,  NULL,                                  {STORE_E_UNAVAILABLE, false, false}}, /* by a stopping server */
	{WIRE_BROKEN, NULL,                         {STORE_E_UNAVAILABLE, false, false}},
};
/* clang-format on */

struct wire_verdict wire_judge(int grpc_status, const char *text)
{
	for (size_t i = 0; i < ELEMENTS(verdicts); i++)
		if (verdicts[i].status == grpc_status &&
		    (!verdicts[i].text || strstr(text, verdicts[i].text)))
			return verdicts[i].verdict;
	return (struct wire_verdict){.outcome = STORE_E_INTERNAL};
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void wire_status_text(const uint8_t *data, size_t len, char *ret, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < len && n + 1 < size; i++) {
		uint8_t c = data[i];
		if (c == '%' && i + 2 < len && hex_digit(data[i + 1]) >= 0 && hex_digit(data[i + 2]) >= 0) {
			c = (uint8_t)(hex_digit(data[i + 1]) << 4 | hex_digit(data[i + 2]));
			i += 2;
		}
		/* the text ends up in logs and statuses: no control characters */
		ret[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
	}
	ret[n] = '\0';
}

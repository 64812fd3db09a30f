/*
 * What an etcd might send: frames cut anywhere, messages of every type that tug reads, texts of statuses. Messages come
 * out the same however the bytes were cut; what is decoded can be read as C strings. The first byte is the length of
 * the pieces, the second the type of the messages.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/limits.h"
#include "core/mem.h"
#include "etcd/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static const ProtobufCMessageDescriptor *type_of(uint8_t byte)
{
	static const ProtobufCMessageDescriptor *const types[] = {&rpc__range_response__descriptor,
	                                                          &rpc__txn_response__descriptor,
	                                                          &rpc__watch_response__descriptor,
	                                                          &rpc__lease_grant_response__descriptor,
	                                                          &rpc__lease_keep_alive_response__descriptor,
	                                                          &rpc__authenticate_response__descriptor};
	return types[byte % ELEMENTS(types)];
}

static void check_kv(const Rpc__KeyValue *kv)
{
	struct store_kv seen = wire_kv(kv);
	must(seen.value[seen.value_len] == '\0');
	must(!wire_key_is_text(&kv->key) || strlen(seen.key) == kv->key.len);
}

static void check_message(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
	struct arena a = ARENA_INIT;
	void *message = wire_unpack(&a, type, data, len);
	if (message && type == &rpc__range_response__descriptor) {
		const Rpc__RangeResponse *r = message;
		for (size_t i = 0; i < r->n_kvs; i++)
			check_kv(r->kvs[i]);
	}
	if (message && type == &rpc__watch_response__descriptor) {
		const Rpc__WatchResponse *w = message;
		for (size_t i = 0; i < w->n_events; i++)
			if (w->events[i]->kv)
				check_kv(w->events[i]->kv);
	}
	arena_done(&a);
}

/* The messages in a row, each with its length in front; the verdict of the reader. */
static int read_all(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, size_t step,
                    struct str *ret)
{
	struct wire_reader r = {0};
	int got = 0;
	for (size_t at = 0; at < len && got >= 0;) {
		size_t left = MIN(step, len - at);
		/* a piece of its own, so that a sanitizer sees a read beyond its end */
		_cleanup_free_ uint8_t *piece = mem_dup(data + at, left);
		const uint8_t *p = piece, *message;
		size_t n;
		at += left;
		while ((got = wire_next(&r, &p, &left, &message, &n)) > 0) {
			must(n <= LIMIT_STORE_MESSAGE);
			str_printf(ret, "%zu:", n);
			str_add(ret, message, n);
			check_message(type, message, n);
		}
	}
	wire_reader_done(&r);
	must(got == 0 || got == -EMSGSIZE || got == -EBADMSG);
	return got;
}

static void check_status(const uint8_t *data, size_t size)
{
	for (size_t room = 1; room < 130; room += 43) {
		_cleanup_free_ char *text = mem_alloc(room);
		wire_status_text(data, size, text, room);
		must(strlen(text) < room);
		(void)wire_judge(size ? data[0] % 18 : WIRE_BROKEN, text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const ProtobufCMessageDescriptor *type = type_of(data[1]);
	size_t step = data[0] ? data[0] : 256;
	_cleanup_str_ struct str whole = STR_INIT, cut = STR_INIT;
	int r = read_all(type, data + 2, size - 2, size, &whole);
	must(r == read_all(type, data + 2, size - 2, step, &cut));
	must(str_equal(str_get(&whole), str_get(&cut)) && whole.len == cut.len);
	check_message(type, data + 2, size - 2);
	check_status(data + 2, size - 2);
	return 0;
}

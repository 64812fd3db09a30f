/*
 * What gRPC puts around messages: the length prefix, the percent-coded status text, and what a status of etcd
 * means for the operation that got it. Pure functions over bytes.
 */
#pragma once

#include "core/arena.h"
#include "core/str.h"
#include "rpc.pb-c.h"
#include "store.h"

#define WIRE_PREFIX 5 /* a flag "compressed" and the length, big-endian, in front of each message */

/* --- encoding --- */

/* A message with its prefix. The data is owned by whoever holds the value; free() ends it. */
struct wire_bytes {
	uint8_t *data;
	size_t len;
};

struct wire_bytes wire_pack(const ProtobufCMessage *message) _nonnull_(1);
static inline ProtobufCBinaryData wire_text(const char *s)
{
	return (ProtobufCBinaryData){.len = strlen(s), .data = (uint8_t *)(uintptr_t)s};
}

/*
 * The bounds of a range in etcd's terms: [ret_key, ret_end). ret_end of length 0 is one exact key. Both live
 * in the arena. An empty prefix means every key.
 */
void wire_range(struct arena *a, const char *key, bool prefix, const char *after,
                ProtobufCBinaryData *ret_key, ProtobufCBinaryData *ret_end) _nonnull_(1, 2, 5, 6);

/* --- decoding --- */

/* Puts messages together from the pieces in which they arrive. A zeroed reader is ready for use. */
struct wire_reader {
	uint8_t prefix[WIRE_PREFIX];
	unsigned prefix_len;
	uint32_t need;   /* bytes of the message once the prefix is complete */
	bool handed_out; /* body was returned and is to be forgotten at the next call */
	struct str body;
};

void wire_reader_done(struct wire_reader *r) _nonnull_(1);
/*
 * Takes from *data. 1: a message, borrowed until the next call or until the data goes; 0: all of data was
 * taken; -EMSGSIZE: a message beyond LIMIT_STORE_MESSAGE; -EBADMSG: a compressed one, which nobody asked for.
 */
int wire_next(struct wire_reader *r, const uint8_t **data, size_t *len, const uint8_t **ret_message,
              size_t *ret_len) _nonnull_(1, 2, 3, 4, 5) _must_check_;

/*
 * Decodes into the arena; NULL: not such a message. Byte fields are followed by a NUL that is not counted; an
 * empty one has no data at all (wire_get).
 */
void *wire_unpack(struct arena *a, const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
        _nonnull_(1, 2, 3);
static inline const char *wire_get(const ProtobufCBinaryData *b)
{
	return b->len ? (const char *)b->data : "";
}
/* A key and its value as the seam has them; borrowed from kv. */
struct store_kv wire_kv(const Rpc__KeyValue *kv) _nonnull_(1);
/* False for a key that holds a NUL: no key of tug's does, and a C string cannot carry it. */
bool wire_key_is_text(const ProtobufCBinaryData *key) _nonnull_(1);

/* --- statuses --- */

enum { WIRE_BROKEN = -1 /* the stream ended without a status */, WIRE_STATUS_UNAUTHENTICATED = 16 };

struct wire_verdict {
	enum store_outcome outcome; /* STORE_E_UNAVAILABLE: worth another try */
	bool refused;               /* it was surely not carried out */
	bool token;                 /* authenticate anew, then try again */
};

/* text: the decoded grpc-message. */
struct wire_verdict wire_judge(int grpc_status, const char *text) _nonnull_(2);
/* Decodes the percent coding of grpc-message (gRPC over HTTP/2, "Responses") into ret, cut at its size. */
void wire_status_text(const uint8_t *data, size_t len, char *ret, size_t size) _nonnull_(1, 3);

/*
 * An API on the store in memory, in this process and on this loop, listening on a unix socket and a loopback
 * port; and a client that drives the loop while it waits.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "controllers/api/api.h"
#include "core/http/http1.h"
#include "core/json.h"
#include "core/mem.h"
#include "lib/store_drive.h"
#include "lib/test.h"
#include "memory/memory.h"

struct rig {
	struct loop *loop;
	struct store *store; /* the API's */
	struct store *side;  /* somebody else's: etcdctl, the scheduler */
	struct api *api;
	char folder[64], socket[96];
	bool synced;
};

static inline void rig_on_synced(void *ctx)
{
	((struct rig *)ctx)->synced = true;
}

static inline struct api_config rig_config(const struct rig *r)
{
	return (struct api_config){.prefix = "/tug",
	                           .node = "n1",
	                           .password = "dev",
	                           .listen = "127.0.0.1:0",
	                           .unix_path = r->socket,
	                           .limits = {.comment_ms = 60000, .linger_ms = 100}};
}

static inline void rig_start(struct rig *r, const struct api_config *config)
{
	struct error err = {0};
	if (api_new(r->loop, r->store, config, &r->api, &err) != 0)
		test_fail(__FILE__, __LINE__, "api_new: %s", err.text);
	api_on_synced(r->api, rig_on_synced, r);
}

static inline void rig_begin(struct rig *r)
{
	*r = (struct rig){0};
	(void)snprintf(r->folder, sizeof(r->folder), "/tmp/tug-api-XXXXXX");
	CHECK(mkdtemp(r->folder) != NULL);
	(void)snprintf(r->socket, sizeof(r->socket), "%s/api.sock", r->folder);
	r->loop = loop_new();
	r->store = memory_store_new(r->loop);
	r->side = memory_store_open(r->store);
}

static inline void rig_init(struct rig *r)
{
	rig_begin(r);
	struct api_config config = rig_config(r);
	rig_start(r, &config);
	UNTIL(r->loop, r->synced);
}

static inline void rig_done(struct rig *r)
{
	r->api = api_free(r->api);
	r->side = store_free(r->side);
	r->store = store_free(r->store);
	r->loop = loop_free(r->loop);
	(void)unlink(r->socket);
	CHECK_INT(rmdir(r->folder), 0);
}

/* --- a connection --- */

struct conversation {
	struct rig *rig;
	int fd;
	bool eof;
	struct str in;
};

static inline void talk_open_tcp(struct conversation *t, struct rig *r)
{
	*t = (struct conversation){.rig = r, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons(api_port(r->api)),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK_INT(connect(t->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

static inline void talk_open(struct conversation *t, struct rig *r)
{
	*t = (struct conversation){.rig = r, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", r->socket);
	CHECK_INT(connect(t->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

static inline void talk_close(struct conversation *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	str_done(&t->in);
}

/* Takes what is there. */
static inline void talk_read(struct conversation *t)
{
	char buf[65536];
	for (;;) {
		ssize_t n = recv(t->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			str_add(&t->in, buf, (size_t)n);
		else if (n == 0 || errno != EAGAIN)
			t->eof = true;
		if (n <= 0)
			return;
	}
}

static inline void talk_send(struct conversation *t, const char *data, size_t len)
{
	int64_t deadline = loop_now(t->rig->loop) + 20000;
	while (len) {
		ssize_t n = send(t->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return; /* refused: the answer says why */
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
		CHECK(loop_now(t->rig->loop) < deadline);
		loop_step(t->rig->loop, 0);
	}
}

static inline void talk_puts(struct conversation *t, const char *text)
{
	talk_send(t, text, strlen(text));
}

static inline bool talk_has(struct conversation *t, const char *text)
{
	talk_read(t);
	return t->in.len && memmem(t->in.data, t->in.len, text, strlen(text)) != NULL;
}

#define TALK_UNTIL(t, text)                                                                                  \
	do {                                                                                                 \
		int64_t deadline_ = loop_now((t)->rig->loop) + 20000;                                        \
		while (!talk_has(t, text)) {                                                                 \
			if ((t)->eof || loop_now((t)->rig->loop) > deadline_)                                \
				test_fail(__FILE__, __LINE__,                                                \
				          "%s never came in %zu bytes that end with\n%s", text, (t)->in.len, \
				          str_get(&(t)->in) + ((t)->in.len > 300 ? (t)->in.len - 300 : 0));  \
			loop_step((t)->rig->loop, 1);                                                        \
		}                                                                                            \
	} while (0)

static inline bool talk_ended(struct conversation *t)
{
	talk_read(t);
	return t->eof;
}

static inline void talk_until_eof(struct conversation *t)
{
	UNTIL(t->rig->loop, talk_ended(t));
}

/* --- whole answers --- */

struct answer {
	int status;
	struct str head, body;
	struct value *value; /* of a JSON body */
};

static inline void answer_done(struct answer *a)
{
	str_done(&a->head);
	str_done(&a->body);
	a->value = value_unref(a->value);
}
#define _cleanup_answer_ _cleanup_(answer_done)

/* From what came until the end of the connection. */
static inline struct answer talk_answer(struct conversation *t)
{
	struct answer a = {0};
	struct http1_head head;
	struct error err = {0};
	size_t scan = 0;
	int n = http1_head_find(str_get(&t->in), t->in.len, &scan);
	if (n <= 0)
		test_fail(__FILE__, __LINE__, "no answer in '%s'", str_get(&t->in));
	str_add(&a.head, t->in.data, (size_t)n);
	CHECK_INT(http1_response_parse(a.head.data, a.head.len, &head, &err), 0);
	a.status = head.status;
	const char *data = t->in.data + n;
	size_t len = t->in.len - (size_t)n;
	struct http1_chunked chunks = {0};
	struct http1_slice piece;
	if (!head.chunked)
		str_add(&a.body, data, len);
	while (head.chunked && http1_chunked_next(&chunks, &data, &len, &piece) == HTTP1_CHUNK_DATA)
		str_add(&a.body, piece.data, piece.len);
	if (a.body.len && a.body.data[0] == '{')
		CHECK_INT(json_parse(a.body.data, a.body.len, &a.value, &err), 0);
	return a;
}

/* One request on a connection of its own. fields: further header lines, each with its CRLF. */
static inline struct answer talk_ask(struct conversation *t, const char *method, const char *target,
                                     const char *fields, const char *body)
{
	_cleanup_str_ struct str out = STR_INIT;
	str_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, target,
	           fields);
	if (body)
		str_printf(&out, "Content-Length: %zu\r\n", strlen(body));
	str_puts(&out, "\r\n");
	if (body)
		str_puts(&out, body);
	talk_send(t, out.data, out.len);
	talk_until_eof(t);
	struct answer a = talk_answer(t);
	talk_close(t);
	return a;
}

static inline struct answer ask(struct rig *r, const char *method, const char *target, const char *body)
{
	struct conversation t;
	talk_open(&t, r);
	return talk_ask(&t, method, target, "", body);
}

static inline struct answer ask_fields(struct rig *r, const char *method, const char *target,
                                       const char *fields, const char *body)
{
	struct conversation t;
	talk_open(&t, r);
	return talk_ask(&t, method, target, fields, body);
}

static inline struct answer ask_tcp(struct rig *r, const char *method, const char *target, const char *fields,
                                    const char *body)
{
	struct conversation t;
	talk_open_tcp(&t, r);
	return talk_ask(&t, method, target, fields, body);
}

#define CHECK_STATUS(a, want)                                                                     \
	do {                                                                                      \
		if ((a).status != (want))                                                         \
			test_fail(__FILE__, __LINE__, "status %d, want %d: %s", (a).status, want, \
			          str_get(&(a).body));                                            \
	} while (0)

/* Asks, checks the status and that the body has `has`. */
#define ASK(r, method, target, body_, want, has)                       \
	do {                                                           \
		struct answer answer_ = ask(r, method, target, body_); \
		CHECK_STATUS(answer_, want);                           \
		CHECK_HAS(str_get(&answer_.body), has);                \
		answer_done(&answer_);                                 \
	} while (0)

/* --- objects --- */

#define WEB_MIN "{\"containers\":{}}"
#define WEB     "{\"name\":\"web\",\"containers\":{\"app\":{\"image\":\"x:1\"}}}"

static inline void put_node(struct rig *r, const char *name)
{
	char key[64], value[128];
	(void)snprintf(key, sizeof(key), "/tug/nodes/%s", name);
	(void)snprintf(value, sizeof(value), "{\"kind\":\"node\",\"name\":\"%s\"}", name);
	(void)drive_put(r->side, key, value);
	(void)snprintf(key, sizeof(key), "/tug/health/%s", name);
	(void)snprintf(value, sizeof(value), "{\"kind\":\"health\",\"name\":\"%s\",\"cpus\":2000}", name);
	(void)drive_put(r->side, key, value);
}

static inline void put_pod(struct rig *r, const char *node, const char *name, const char *containers)
{
	char key[128], value[1024];
	(void)snprintf(key, sizeof(key), "/tug/pods/%s/%s", node, name);
	(void)snprintf(value, sizeof(value),
	               "{\"kind\":\"pod\",\"project\":\"default\",\"name\":\"%s\",\"node\":\"%s\","
	               "\"service\":\"web\","
	               "\"ordinal\":0,\"revision\":\"0123456789\",\"containers\":{%s}}",
	               name, node, containers);
	(void)drive_put(r->side, key, value);
}

/* Until the API's copy has what was written through the side door: asks for the list until it has the text. */
static inline void await(struct rig *r, const char *target, const char *has)
{
	int64_t deadline = loop_now(r->loop) + 20000;
	for (;;) {
		_cleanup_answer_ struct answer a = ask(r, "GET", target, NULL);
		if (strstr(str_get(&a.body), has))
			return;
		if (loop_now(r->loop) > deadline)
			test_fail(__FILE__, __LINE__, "%s never had %s:\n%s", target, has, str_get(&a.body));
	}
}

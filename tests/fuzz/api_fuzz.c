/*
 * One request to the API: method, path with query, Content-Type and body from the input, which is
 * "M<method>T<type>PATH NUL BODY". Whatever it is, the answer is well-formed and never 500; what is refused
 * has changed nothing; what was stored is read back, and the same again writes nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controllers/api/server.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "memory/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
static const char *const types[] = {"application/json", "application/yaml", "application/merge-patch+json",
                                    "text/xml"};

struct world {
	struct loop *loop;
	struct store *store;
	struct api *api;
	char folder[64], socket[80];
	bool synced;
};

struct answer {
	int status;
	bool json, stream;
	struct value *value;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void on_synced(void *ctx)
{
	((struct world *)ctx)->synced = true;
}

static void seed_done(_unused_ void *ctx, enum store_outcome outcome, _unused_ int64_t rev,
                      _unused_ const struct error *err)
{
	must(outcome == STORE_OK);
}

static void seed(struct world *w, const char *key, const char *value)
{
	struct store_then then = {.what = STORE_PUT, .key = key, .value = value, .value_len = strlen(value)};
	(void)store_txn(w->store, &(struct store_txn){.thens = &then, .n_thens = 1}, seed_done, NULL);
}

static void world_begin(struct world *w)
{
	*w = (struct world){.folder = "/tmp/tug-fuzz-XXXXXX"};
	must(mkdtemp(w->folder) != NULL);
	(void)snprintf(w->socket, sizeof(w->socket), "%s/s", w->folder);
	w->loop = loop_new();
	w->store = memory_store_new(w->loop);
	seed(w, "/tug/microservices/default/web", "scale: 2\ncontainers: {app: {image: 'x:1'}}");
	seed(w, "/tug/microservices/default/bad", "scale: [");
	seed(w, "/tug/nodes/n1", "{\"kind\":\"node\",\"name\":\"n1\"}");
	struct api_config config = {.prefix = "/tug",
	                            .node = "n1",
	                            .password = "dev",
	                            .unix_path = w->socket,
	                            .limits = {.linger_ms = 1}};
	must(api_new(w->loop, w->store, &config, &w->api, NULL) == 0);
	api_on_synced(w->api, on_synced, w);
	while (!w->synced)
		loop_step(w->loop, 1);
}

static void world_end(struct world *w)
{
	(void)api_free(w->api);
	(void)store_free(w->store);
	(void)loop_free(w->loop);
	must(rmdir(w->folder) == 0);
}

/* Whole, or an event stream that has begun. */
static bool is_complete(const struct str *in, bool eof, struct answer *ret)
{
	struct http1_head head;
	size_t scan = 0;
	int n = http1_head_find(str_get(in), in->len, &scan);
	must(n >= 0);
	if (n == 0)
		return false;
	must(http1_response_parse(in->data, (size_t)n, &head, NULL) == 0);
	ret->status = head.status;
	ret->stream = head.chunked;
	ret->json = http1_slice_is(http1_field(&head, "Content-Type"), "application/json");
	if (!eof && !ret->stream)
		return false;
	size_t len = in->len - (size_t)n;
	if (ret->json && len)
		must(json_parse(in->data + n, len, &ret->value, NULL) == 0);
	return true;
}

static struct answer ask(struct world *w, const struct str *request)
{
	struct answer a = {0};
	_cleanup_str_ struct str in = STR_INIT;
	int fds[2];
	bool eof = false;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	httpd_accept_fd(w->api->httpd, fds[0]);
	for (size_t at = 0; !is_complete(&in, eof, &a);) {
		char buf[65536];
		must(!eof);
		ssize_t n = send(fds[1], request->data + at, request->len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		at += n > 0 ? (size_t)n : 0;
		loop_step(w->loop, at < request->len ? 0 : 1);
		n = recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT);
		eof = n == 0;
		str_add(&in, buf, n > 0 ? (size_t)n : 0);
	}
	(void)close(fds[1]);
	while (httpd_connections(w->api->httpd))
		loop_step(w->loop, 1);
	return a;
}

static void make_request(const char *method, const char *type, const char *target, size_t target_len,
                         const char *body, size_t body_len, struct str *out)
{
	str_printf(out, "%s /", method);
	for (size_t i = 0; i < target_len; i++) {
		unsigned char c = (unsigned char)target[i];
		if (c > ' ' && c < 0x7f && c != '#')
			str_putc(out, (char)c);
		else
			str_printf(out, "%%%02x", c);
	}
	str_printf(out, " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: %s\r\n", type);
	if (body_len)
		str_printf(out, "Content-Length: %zu\r\n", body_len);
	str_puts(out, "\r\n");
	str_add(out, body, body_len);
}

static void check_refusal(const struct answer *a, bool head, bool door)
{
	must(a->json && (a->value || head));
	if (head)
		return;
	must(value_get_string(a->value, door ? "errorMessage" : "message") != NULL);
	must(value_get_int(a->value, door ? "statusCode" : "status") == a->status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 32 * 1024)
		return 0;
	const char *method = methods[data[0] % ELEMENTS(methods)], *type = types[data[1] % ELEMENTS(types)];
	const char *target = (const char *)data + 2, *end = (const char *)data + size;
	const char *nul = memchr(target, '\0', (size_t)(end - target));
	size_t target_len = (size_t)((nul ? nul : end) - target);
	const char *body = nul ? nul + 1 : end;
	if (target_len > 2000)
		return 0;
	bool door = target_len >= 15 && memcmp(target, "v1/microservice", 15) == 0 &&
	            (target_len == 15 || target[15] == '?' || target[15] == '/');
	struct world w;
	log_init(NULL, LOG_ERROR, false);
	world_begin(&w);
	_cleanup_str_ struct str request = STR_INIT;
	make_request(method, type, target, target_len, body, (size_t)(end - body), &request);
	int64_t before = memory_store_revision(w.store);
	struct answer a = ask(&w, &request);
	int64_t after = memory_store_revision(w.store);
	must(a.status >= 200 && a.status < 500 && a.status != 401);
	if (a.status >= 400) {
		must(after == before);
		if (!door)
			check_refusal(&a, streq(method, "HEAD"), false);
	} else if (streq(method, "PUT") || streq(method, "PATCH") || (door && streq(method, "POST"))) {
		struct answer again = ask(&w, &request);
		/* unless it insisted on the revision before */
		must(again.status == 200 || again.status == 409);
		must(memory_store_revision(w.store) == after);
		must(!value_get(a.value, "invalid"));
		(void)value_unref(again.value);
	} else if (!streq(method, "POST") && !streq(method, "DELETE")) {
		must(after == before);
	}
	(void)value_unref(a.value);
	world_end(&w);
	return 0;
}

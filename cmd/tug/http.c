#include "cmd/tug/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/tug/cli.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

#define DEFAULT_HOST     "http://127.0.0.1:8000"
#define DEFAULT_PASSWORD "dev"
#define CALL_TIMEOUT_MS  30000L
#define CONNECT_MS       5000L

/* What a call of curl is made of: where the bytes go, and why it stopped. */
struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	struct str *into; /* buffered; with a bound */
	size_t bound;
	bool (*on_data)(void *ctx, const char *data, size_t len); /* streamed */
	void *ctx;
	bool enough; /* on_data said so */
	bool too_large;
	struct str error_body; /* of a streamed call that was answered with an error */
};

static size_t on_write(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * n;
	if (t->on_data) {
		long status = 0;
		(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 300) {
			if (t->error_body.len < 65536)
				str_add(&t->error_body, data, len);
			return len;
		}
		t->enough = !t->on_data(t->ctx, data, len);
		return t->enough ? 0 : len;
	}
	if (t->into->len + len > t->bound) {
		t->too_large = true;
		return 0;
	}
	str_add(t->into, data, len);
	return len;
}

static void add_header(struct transfer *t, const char *name, const char *value)
{
	_cleanup_free_ char *line = mem_printf("%s: %s", name, value);
	t->headers = curl_slist_append(t->headers, line);
}

/* A handle with what all calls share. */
static void transfer_init(struct transfer *t)
{
	t->curl = curl_easy_init();
	if (!t->curl)
		abort();
	CURL *c = t->curl;
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "tug/" TUG_VERSION);
	t->headers = curl_slist_append(NULL, "Expect:");
}

static void transfer_done(struct transfer *t)
{
	curl_slist_free_all(t->headers);
	curl_easy_cleanup(t->curl);
	str_done(&t->error_body);
}

struct where {
	char *url;    /* scheme://host:port, without a path */
	char *socket; /* unix socket; NULL: TCP */
	const char *password;
};

/* The socket of this machine's own tug, for root: no password, whatever address it listens on. */
static char *local_socket(void)
{
	const char *dir = getenv("TUG_DATA_DIR");
	char *path = mem_printf("%s/run/api.sock", dir && *dir ? dir : "/var/lib/tug");
	if (access(path, R_OK | W_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static struct where find_api(const struct cli *c)
{
	struct where w = {0};
	const char *host = cli_flag(c, "host");
	if (!host)
		host = getenv("TUG_HOST");
	const char *path = host ? str_after(host, "unix://") : NULL;
	if (path)
		w.socket = mem_strdup(path);
	else if (!host || !*host)
		w.socket = local_socket();
	if (w.socket) {
		w.url = mem_strdup("http://localhost");
	} else {
		if (!host || !*host)
			host = DEFAULT_HOST;
		size_t len = strlen(host);
		while (len && host[len - 1] == '/')
			len--;
		w.url = mem_printf("%s%.*s", strstr(host, "://") ? "" : "http://", (int)len, host);
	}
	const char *token = getenv("TUG_TOKEN"), *password = getenv("TUG_PASSWORD");
	w.password = token && *token ? token : password && *password ? password : DEFAULT_PASSWORD;
	return w;
}

/* Prepares a call of the API; returns the address as people know it, to be freed. */
static char *api_prepare(const struct cli *c, struct transfer *t, const char *target)
{
	struct where w = find_api(c);
	transfer_init(t);
	_cleanup_free_ char *url = mem_printf("%s%s", w.url, target);
	(void)curl_easy_setopt(t->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	if (w.socket)
		(void)curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, w.socket);
	const char *ca = getenv("TUG_CA");
	if (ca && *ca)
		(void)curl_easy_setopt(t->curl, CURLOPT_CAINFO, ca);
	_cleanup_free_ char *bearer = mem_printf("Bearer %s", w.password);
	add_header(t, "Authorization", bearer);
	char *name = w.socket ? mem_printf("unix://%s", w.socket) : mem_strdup(w.url);
	free(w.url);
	free(w.socket);
	return name;
}

/* Why there was no answer, with what to do about it. */
static int tell_unreachable(const char *where, CURLcode code)
{
	if (code == CURLE_OPERATION_TIMEDOUT)
		return cli_fail(EXIT_UNREACHABLE, "%s did not answer in time", where);
	return cli_fail(
	        EXIT_UNREACHABLE,
	        "%s: %s\nIs tug up here? `tugd up --detach` starts it; --host or TUG_HOST names another one.",
	        where, curl_easy_strerror(code));
}

static int exit_code_of(int status)
{
	if (status == 404)
		return EXIT_NOT_FOUND;
	if (status == 409)
		return EXIT_CONFLICT;
	if (status == 503 || status == 504)
		return EXIT_UNREACHABLE;
	return status >= 200 && status < 300 ? EXIT_OK : EXIT_FAILED;
}

/* The API's own words. A line would be one of the body that this program made, which nobody sees. */
static void tell_error(int status, const struct value *v)
{
	const char *message = value_get_string(v, "message"), *path = value_get_string(v, "path");
	if (!message)
		message = value_get_string(v, "errorMessage");
	if (message)
		(void)cli_fail(0, "%s%s%s", path ? path : "", path && *path ? ": " : "", message);
	else
		(void)cli_fail(0, "the API answered with status %d", status);
	if (status == 403)
		(void)fputs("The password is taken from TUG_PASSWORD, or a token from TUG_TOKEN.\n", stderr);
}

static int finish(struct transfer *t, const char *where, int quiet, struct reply *ret)
{
	CURLcode code = curl_easy_perform(t->curl);
	long status = 0;
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->too_large)
		return cli_fail(EXIT_FAILED, "%s: the answer is larger than %d bytes", where,
		                LIMIT_HTTP_REPLY);
	if (code != CURLE_OK)
		return tell_unreachable(where, code);
	ret->status = (int)status;
	struct error err = {0};
	char said[512];
	if (json_parse(str_get(&ret->body), ret->body.len, &ret->value, &err) < 0)
		ret->value = NULL;
	int e = exit_code_of(ret->status);
	if (e == EXIT_OK && !ret->value) {
		e = EXIT_FAILED; /* every good answer is an object */
		if (ret->status != quiet)
			(void)cli_fail(e, "%s: the answer cannot be read: %s", where,
			               error_format(&err, said, sizeof(said)));
	} else if (e != EXIT_OK && ret->status != quiet) {
		tell_error(ret->status, ret->value);
	}
	return e;
}

int api_try(struct cli *c, const char *method, const char *target, const char *type, const void *body,
            size_t len, int quiet, struct reply *ret)
{
	*ret = (struct reply){0};
	struct transfer t = {.into = &ret->body, .bound = LIMIT_HTTP_REPLY};
	_cleanup_free_ char *where = api_prepare(c, &t, target);
	(void)curl_easy_setopt(t.curl, CURLOPT_CUSTOMREQUEST, method);
	(void)curl_easy_setopt(t.curl, CURLOPT_TIMEOUT_MS, CALL_TIMEOUT_MS);
	if (body) {
		add_header(&t, "Content-Type", type);
		(void)curl_easy_setopt(t.curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
		(void)curl_easy_setopt(t.curl, CURLOPT_POSTFIELDS, body);
	}
	(void)curl_easy_setopt(t.curl, CURLOPT_HTTPHEADER, t.headers);
	int e = finish(&t, where, quiet, ret);
	transfer_done(&t);
	return e;
}

int api_call(struct cli *c, const char *method, const char *target, const char *type, const void *body,
             size_t len, struct reply *ret)
{
	return api_try(c, method, target, type, body, len, -1, ret);
}

void reply_done(struct reply *r)
{
	str_done(&r->body);
	r->value = value_unref(r->value);
}

/* What a streamed call came to, told. */
static int stream_end(struct transfer *t, const char *where, CURLcode code)
{
	long status = 0;
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->enough)
		return EXIT_OK;
	if (code == CURLE_OPERATION_TIMEDOUT && status)
		return EXIT_TIMEOUT;
	if (code != CURLE_OK && status)
		return cli_fail(EXIT_FAILED, "%s: the stream was cut: %s", where, curl_easy_strerror(code));
	if (code != CURLE_OK)
		return tell_unreachable(where, code);
	int e = exit_code_of((int)status);
	if (e != EXIT_OK) {
		struct value *v = NULL;
		if (json_parse(str_get(&t->error_body), t->error_body.len, &v, NULL) < 0)
			v = NULL;
		tell_error((int)status, v);
		v = value_unref(v);
	}
	return e;
}

int api_stream(struct cli *c, const char *target, int64_t timeout_ms,
               bool (*on_data)(void *ctx, const char *data, size_t len), void *ctx)
{
	struct transfer t = {.on_data = on_data, .ctx = ctx};
	_cleanup_free_ char *where = api_prepare(c, &t, target);
	(void)curl_easy_setopt(t.curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	(void)curl_easy_setopt(t.curl, CURLOPT_HTTPHEADER, t.headers);
	int e = stream_end(&t, where, curl_easy_perform(t.curl));
	transfer_done(&t);
	return e;
}

/* Runs all transfers to their ends; fills codes. */
static void perform_all(struct transfer *all, CURLcode *codes, size_t n)
{
	CURLM *multi = curl_multi_init();
	if (!multi)
		abort();
	for (size_t i = 0; i < n; i++)
		(void)curl_multi_add_handle(multi, all[i].curl);
	int running = (int)n;
	while (running > 0) {
		if (curl_multi_perform(multi, &running) != CURLM_OK ||
		    (running > 0 && curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK))
			break;
	}
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));)
		for (size_t i = 0; i < n; i++)
			if (m->easy_handle == all[i].curl)
				codes[i] = m->data.result;
	for (size_t i = 0; i < n; i++)
		(void)curl_multi_remove_handle(multi, all[i].curl);
	(void)curl_multi_cleanup(multi);
}

int api_streams(struct cli *c, const struct api_stream *streams, size_t n)
{
	struct transfer *all = mem_zalloc(n * sizeof(*all));
	CURLcode *codes = mem_zalloc(n * sizeof(*codes));
	char **where = mem_zalloc(n * sizeof(*where));
	int e = EXIT_OK;
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct transfer){.on_data = streams[i].on_data, .ctx = streams[i].ctx};
		where[i] = api_prepare(c, &all[i], streams[i].target);
		(void)curl_easy_setopt(all[i].curl, CURLOPT_HTTPHEADER, all[i].headers);
	}
	perform_all(all, codes, n);
	for (size_t i = 0; i < n; i++) {
		int one = stream_end(&all[i], where[i], codes[i]);
		if (e == EXIT_OK)
			e = one;
		transfer_done(&all[i]);
		free(where[i]);
	}
	free(where);
	free(codes);
	free(all);
	return e;
}

/* One line of an event stream (WHATWG HTML, server-sent events). False: enough. */
static bool sse_line(struct sse *s, const char *line)
{
	const char *rest;
	if (*line == '\0') {
		bool go_on = true;
		struct value *v = NULL;
		if (s->data.len && json_parse(str_get(&s->data), s->data.len, &v, NULL) == 0)
			go_on = s->on_event(s->ctx, s->event, v);
		v = value_unref(v);
		str_clear(&s->data);
		s->event[0] = '\0';
		return go_on;
	}
	if ((rest = str_after(line, "data: ")))
		str_puts(&s->data, rest);
	else if ((rest = str_after(line, "event: ")))
		(void)snprintf(s->event, sizeof(s->event), "%s", rest);
	return true;
}

bool sse_data(void *ctx, const char *data, size_t len)
{
	struct sse *s = ctx;
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		str_add(&s->line, data, n);
		if (!end)
			return s->line.len <= LIMIT_HTTP_REPLY;
		bool go_on = sse_line(s, str_get(&s->line));
		str_clear(&s->line);
		if (!go_on)
			return false;
		data += n + 1;
		len -= n + 1;
	}
	return true;
}

void sse_done(struct sse *s)
{
	str_done(&s->line);
	str_done(&s->data);
}

/* What was shown last, as much of it as is compared. */
struct shown {
	char tail[64];
	size_t len;
};

static bool show(void *ctx, const char *data, size_t len)
{
	struct shown *s = ctx;
	for (size_t i = 0; i < len; i++) {
		if (s->len == sizeof(s->tail))
			memmove(s->tail, s->tail + 1, --s->len);
		s->tail[s->len++] = data[i];
	}
	return fwrite(data, 1, len, stderr) == len;
}

int unix_post(const char *socket, const char *target, const char *last)
{
	struct shown shown = {0};
	struct transfer t = {.on_data = show, .ctx = &shown};
	transfer_init(&t);
	_cleanup_free_ char *url = mem_printf("http://localhost%s", target);
	(void)curl_easy_setopt(t.curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(t.curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	(void)curl_easy_setopt(t.curl, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(t.curl, CURLOPT_POSTFIELDSIZE, 0L);
	(void)curl_easy_setopt(t.curl, CURLOPT_HTTPHEADER, t.headers);
	CURLcode code = curl_easy_perform(t.curl);
	transfer_done(&t);
	if (code != CURLE_OK)
		return EXIT_UNREACHABLE;
	size_t n = strlen(last);
	bool well = shown.len >= n && memcmp(shown.tail + shown.len - n, last, n) == 0;
	return well ? EXIT_OK : EXIT_FAILED;
}

int url_fetch(const char *url, struct str *out)
{
	struct transfer t = {.into = out, .bound = LIMIT_STREAM};
	transfer_init(&t);
	(void)curl_easy_setopt(t.curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(t.curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(t.curl, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(t.curl, CURLOPT_MAXREDIRS, 10L);
	(void)curl_easy_setopt(t.curl, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(t.curl, CURLOPT_TIMEOUT_MS, CALL_TIMEOUT_MS);
	(void)curl_easy_setopt(t.curl, CURLOPT_HTTPHEADER, t.headers);
	CURLcode code = curl_easy_perform(t.curl);
	long status = 0;
	(void)curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
	transfer_done(&t);
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return cli_fail(EXIT_FAILED, "%s: the server answered with status %ld", url, status);
	if (t.too_large)
		return cli_fail(EXIT_FAILED, "%s: larger than the bound of %d bytes; divide it", url,
		                LIMIT_STREAM);
	if (code != CURLE_OK)
		return cli_fail(EXIT_FAILED, "%s: %s", url, curl_easy_strerror(code));
	return EXIT_OK;
}

void url_encode(struct str *out, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c)) {
			str_putc(out, (char)c);
		} else {
			str_putc(out, '%');
			str_putc(out, hex[c >> 4]);
			str_putc(out, hex[c & 15]);
		}
	}
}

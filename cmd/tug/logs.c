/* logs: the API's framed log stream to stdout and stderr. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/tug/objects.h"
#include "core/mem.h"

#define LINE_MOST   65536 /* a longer line is cut where several pods are followed */
#define FOLLOW_MOST 64    /* pods followed at once */

/* Frames: 1 byte stream (1 stdout, 2 stderr, 3 error text), 4 bytes length big-endian, data. */
struct frames {
	unsigned char head[5];
	size_t have; /* of head */
	uint32_t left;
	bool failed;
	const char *prefix; /* of each line, where several pods are followed; NULL: bytes as they come */
	struct str line[2]; /* with a prefix: what of a line is here, of stdout and stderr */
};

static bool put_line(struct frames *f, bool err)
{
	struct str *line = &f->line[err];
	bool ok = fprintf(err ? stderr : stdout, "%s | %s\n", f->prefix, str_get(line)) >= 0;
	str_clear(line);
	return ok;
}

/* False: the reader of our output left. */
static bool put(struct frames *f, const char *data, size_t n)
{
	bool err = f->head[0] != 1;
	if (!f->prefix)
		return fwrite(data, 1, n, err ? stderr : stdout) == n;
	while (n) {
		const char *end = memchr(data, '\n', n);
		size_t len = end ? (size_t)(end - data) : n, room = LINE_MOST - f->line[err].len;
		bool whole = end && len <= room;
		len = MIN(len, room);
		str_add(&f->line[err], data, len);
		if ((whole || f->line[err].len == LINE_MOST) && !put_line(f, err))
			return false;
		data += len + whole;
		n -= len + whole;
	}
	return true;
}

static bool on_frames(void *ctx, const char *data, size_t len)
{
	struct frames *f = ctx;
	while (len) {
		if (f->have < sizeof(f->head)) {
			f->head[f->have++] = (unsigned char)*data++;
			len--;
			if (f->have == sizeof(f->head))
				f->left = (uint32_t)f->head[1] << 24 | (uint32_t)f->head[2] << 16 |
				          (uint32_t)f->head[3] << 8 | f->head[4];
		} else {
			size_t n = MIN(len, (size_t)f->left);
			if (f->head[0] == 3 && !f->failed && !f->prefix)
				(void)fputs("tug: ", stderr);
			f->failed |= f->head[0] == 3;
			if (!put(f, data, n))
				return false;
			data += n;
			len -= n;
			f->left -= (uint32_t)n;
		}
		if (f->have == sizeof(f->head) && f->left == 0)
			f->have = 0;
	}
	return fflush(stdout) == 0;
}

/* What is left of lines that did not end. */
static void frames_done(struct frames *f)
{
	for (int err = 0; err < 2; err++) {
		if (f->line[err].len)
			(void)put_line(f, err);
		str_done(&f->line[err]);
	}
	if (f->failed && !f->prefix)
		(void)fputc('\n', stderr);
}

static void logs_path(struct cli *c, const char *project, const char *pod, struct str *path)
{
	object_path(path, &kind_pod, project, pod);
	str_puts(path, "/logs?streams=1");
	static const char *const given[] = {"container", "tail"};
	for (size_t i = 0; i < ELEMENTS(given); i++) {
		if (!cli_flag(c, given[i]))
			continue;
		str_printf(path, "&%s=", given[i]);
		url_encode(path, cli_flag(c, given[i]));
	}
	if (add_since(c, path, '&') < 0)
		return; /* check_flags() was there */
	if (cli_flag(c, "follow"))
		str_puts(path, "&follow=1");
	if (cli_flag(c, "timestamps"))
		str_puts(path, "&timestamps=1");
}

static int pod_logs(struct cli *c, const char *project, const char *pod)
{
	_cleanup_str_ struct str path = STR_INIT;
	logs_path(c, project, pod, &path);
	struct frames f = {0};
	int e = api_stream(c, str_get(&path), 0, on_frames, &f);
	frames_done(&f);
	return e == EXIT_OK && f.failed ? EXIT_FAILED : e;
}

/* The logs of all pods at once, each line with its pod's name. */
static int follow_all(struct cli *c, const char *project, const struct value *pods)
{
	size_t n = MIN(value_count(pods), (size_t)FOLLOW_MOST);
	struct api_stream *streams = mem_zalloc(n * sizeof(*streams));
	struct frames *frames = mem_zalloc(n * sizeof(*frames));
	if (n < value_count(pods))
		cli_note(c, "following the first %zu of %zu pods", n, value_count(pods));
	for (size_t i = 0; i < n; i++) {
		struct str path = STR_INIT;
		frames[i].prefix = value_get_string(value_at(pods, i), "name");
		logs_path(c, project, frames[i].prefix, &path);
		streams[i] = (struct api_stream){
		        .target = str_take(&path), .on_data = on_frames, .ctx = &frames[i]};
	}
	int e = api_streams(c, streams, n);
	for (size_t i = 0; i < n; i++) {
		frames_done(&frames[i]);
		if (e == EXIT_OK && frames[i].failed)
			e = EXIT_FAILED;
		free(streams[i].target);
	}
	free(streams);
	free(frames);
	return e;
}

/* Which container is meant is asked once, not of every pod. */
static int check_container(const struct cli *c, const char *service, const struct value *pod)
{
	const struct value *lists[] = {value_get(pod, "containers"), value_get(pod, "initContainers")};
	const char *wanted = cli_flag(c, "container");
	_cleanup_str_ struct str all = STR_INIT;
	if (wanted ? value_get(lists[0], wanted) || value_get(lists[1], wanted) : value_count(lists[0]) == 1)
		return EXIT_OK;
	for (size_t i = 0; i < ELEMENTS(lists); i++)
		value_for_each (it, lists[i])
			str_printf(&all, "%s%s", all.len ? ", " : "", value_iter_name(it));
	if (wanted)
		return cli_fail(EXIT_NOT_FOUND, "%s has no container %s; it has: %s", service, wanted,
		                str_get(&all));
	return cli_fail(EXIT_USAGE, "%s has several containers; choose one with -c: %s", service,
	                str_get(&all));
}

/* The pods of a microservice of this name. */
static int service_logs(struct cli *c, const char *project, const char *service)
{
	_cleanup_str_ struct str path = STR_INIT;
	str_puts(&path, "/v1/pods?project=");
	url_encode(&path, project);
	str_puts(&path, "&service=");
	url_encode(&path, service);
	_cleanup_value_ struct value *pods = NULL;
	int e = fetch_list(c, str_get(&path), &pods);
	if (e)
		return e;
	if (value_count(pods) == 0)
		return cli_fail(EXIT_NOT_FOUND,
		                "there is no pod and no microservice with pods named %s in project %s",
		                service, project);
	e = check_container(c, service, value_at(pods, 0));
	if (e)
		return e;
	bool many = value_count(pods) > 1;
	if (many && cli_flag(c, "follow"))
		return follow_all(c, project, pods);
	value_for_each_item (i, p, pods) {
		const char *name = value_get_string(p, "name");
		if (many)
			cli_note(c, "==> %s <==", name);
		int one = pod_logs(c, project, name);
		if (e == EXIT_OK)
			e = one;
	}
	return e;
}

/* What the API would refuse for each pod is told once. */
static int check_flags(const struct cli *c)
{
	const char *tail = cli_flag(c, "tail");
	int64_t n;
	if (tail && (str_parse_i64(tail, &n) < 0 || n < 0))
		return cli_fail(EXIT_USAGE, "--tail %s: not a number of lines", tail);
	_cleanup_str_ struct str unused = STR_INIT;
	return add_since(c, &unused, '&') < 0 ? EXIT_USAGE : EXIT_OK;
}

int run_logs(struct cli *c)
{
	if (check_flags(c))
		return EXIT_USAGE;
	const char *project = cli_project(c), *word = c->args[0];
	if (!project)
		project = "default";
	_cleanup_str_ struct str path = STR_INIT;
	object_path(&path, &kind_pod, project, word);
	_cleanup_reply_ struct reply r;
	int e = api_try(c, "GET", str_get(&path), NULL, NULL, 0, 404, &r);
	if (e == EXIT_NOT_FOUND)
		return service_logs(c, project, word);
	return e ? e : pod_logs(c, project, word);
}

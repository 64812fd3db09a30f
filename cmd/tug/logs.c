/* logs: the API's framed log stream to stdout and stderr. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/tug/objects.h"
#include "core/mem.h"

/* Frames: 1 byte stream (1 stdout, 2 stderr, 3 error text), 4 bytes length big-endian, data. */
struct frames {
	unsigned char head[5];
	size_t have; /* of head */
	uint32_t left;
	bool failed;
};

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
			if (f->head[0] == 3 && !f->failed)
				(void)fputs("tug: ", stderr);
			f->failed |= f->head[0] == 3;
			if (fwrite(data, 1, n, f->head[0] == 1 ? stdout : stderr) != n)
				return false; /* the reader of our output left */
			data += n;
			len -= n;
			f->left -= (uint32_t)n;
		}
		if (f->have == sizeof(f->head) && f->left == 0)
			f->have = 0;
	}
	return fflush(stdout) == 0;
}

static int pod_logs(struct cli *c, const char *project, const char *pod)
{
	_cleanup_str_ struct str path = STR_INIT;
	object_path(&path, &kind_pod, project, pod);
	str_puts(&path, "/logs?streams=1");
	static const struct {
		const char *flag, *parameter;
	} given[] = {{"container", "container"}, {"tail", "tail"}};
	for (size_t i = 0; i < ELEMENTS(given); i++) {
		if (!cli_flag(c, given[i].flag))
			continue;
		str_printf(&path, "&%s=", given[i].parameter);
		url_encode(&path, cli_flag(c, given[i].flag));
	}
	if (add_since(c, &path, '&') < 0)
		return EXIT_USAGE;
	if (cli_flag(c, "follow"))
		str_puts(&path, "&follow=1");
	if (cli_flag(c, "timestamps"))
		str_puts(&path, "&timestamps=1");
	struct frames f = {0};
	int e = api_stream(c, str_get(&path), 0, on_frames, &f);
	if (f.failed)
		(void)fputc('\n', stderr);
	return e == EXIT_OK && f.failed ? EXIT_FAILED : e;
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
	bool many = value_count(pods) > 1, follow = cli_flag(c, "follow") != NULL;
	value_for_each_item (i, p, pods) {
		const char *name = value_get_string(p, "name");
		if (many)
			cli_note(c, "==> %s <==", name);
		int one = pod_logs(c, project, name);
		if (e == EXIT_OK)
			e = one;
		if (follow)
			break;
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

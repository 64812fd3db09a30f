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
	} given[] = {{"container", "container"}, {"tail", "tail"}, {"since", "since"}};
	for (size_t i = 0; i < ELEMENTS(given); i++) {
		if (!cli_flag(c, given[i].flag))
			continue;
		str_printf(&path, "&%s=", given[i].parameter);
		url_encode(&path, cli_flag(c, given[i].flag));
	}
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

int run_logs(struct cli *c)
{
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

/*
 * Whatever an engine may answer. The first byte says what the rest is: f(rames of a log, cut as the second byte says),
 * i(nspect), l(ist, then a line for each event), t(ime), and d (call, status, then a message of a refusal).
 */
#include <stdint.h>
#include <stdlib.h>

#include "controllers/runner/engine_docker/container.h"
#include "controllers/runner/engine_docker/frames.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* --- frames: cuts make no difference --- */

static void read_frames(const char *data, size_t len, size_t step, struct str out[2])
{
	struct frames f = {0};
	for (size_t at = 0; at < len; at += step) {
		const char *p = data + at;
		size_t left = MIN(step, len - at);
		struct frame_piece piece;
		while (frames_next(&f, &p, &left, &piece)) {
			must(piece.len > 0 && (piece.stream == 1 || piece.stream == 2));
			must(piece.data >= data && piece.data + piece.len <= data + len);
			str_add(&out[piece.stream - 1], piece.data, piece.len);
		}
		must(left == 0);
	}
}

static void fuzz_frames(const char *data, size_t len)
{
	struct str whole[2] = {STR_INIT, STR_INIT}, cut[2] = {STR_INIT, STR_INIT};
	if (!len)
		return;
	size_t step = (unsigned char)*data % 20 + 1U;
	read_frames(data + 1, len - 1, len, whole);
	read_frames(data + 1, len - 1, step, cut);
	for (size_t i = 0; i < 2; i++) {
		must(whole[i].len == cut[i].len);
		must(!whole[i].len || memcmp(whole[i].data, cut[i].data, cut[i].len) == 0);
		str_done(&whole[i]);
		str_done(&cut[i]);
	}
}

/* --- inspect: saying it again changes nothing --- */

static void fuzz_inspect(const char *data, size_t len)
{
	_cleanup_value_ struct value *v = NULL;
	if (json_parse(data, len, &v, NULL) < 0)
		return;
	static const enum engine_state before[] = {CONTAINER_MISSING, CONTAINER_CREATED, CONTAINER_RUNNING,
	                                           CONTAINER_EXITED};
	for (size_t i = 0; i < ELEMENTS(before); i++) {
		struct docker_container c = {.state = before[i]};
		(void)container_of_inspect(&c, v, i % 2);
		uint64_t exits = c.exits;
		must(!container_of_inspect(&c, v, i % 2));
		must(c.exits == exits);
		must(c.state != CONTAINER_MISSING && c.ports.count <= LIMIT_PORTS);
		must(c.state == CONTAINER_EXITED || (c.exit_code == 0 && !c.oom));
		(void)container_ports_of_list(&c, v);
		must(!container_ports_of_list(&c, v));
		free(c.error);
		free(c.joined);
		free(c.address);
		pairs_done(&c.ports);
	}
}

/* --- a list and events, in an engine that reaches nobody --- */

static void on_pod(void *ctx, const struct engine_pod *pod)
{
	unsigned *told = ctx;
	(*told)++;
	must(pod->name && *pod->name && pod->project);
	must(!pod->gone || pod->n_containers == 0);
	must(pod->n_containers <= LIMIT_CONTAINERS);
	for (size_t i = 0; i < pod->n_containers; i++) {
		must(i == 0 || strcmp(pod->containers[i - 1].name, pod->containers[i].name) < 0);
		must(pod->containers[i].state != CONTAINER_MISSING);
	}
}

static void fuzz_list(const char *data, size_t len)
{
	static const struct engine_callbacks cbs = {.on_pod = on_pod};
	unsigned told = 0;
	struct loop *loop = loop_new();
	struct engine *e = engine_docker_new(
	        loop, &(struct engine_config){.address = "unix:///dev/null/none", .node = "n"}, &cbs, &told,
	        NULL);
	must(e != NULL);
	struct docker *d = docker_of(e);
	session_end(d); /* no reply of a real one in between */
	d->phase = PHASE_UP;
	bool first = true;
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		_cleanup_value_ struct value *items = NULL;
		if (!first)
			event_line(d, data, n);
		else if (json_parse(data, n, &items, NULL) == 0)
			state_list(d, items, 1, false);
		first = false;
		data += end ? n + 1 : n;
		len -= end ? n + 1 : n;
	}
	map_for_each (entry, &d->containers) {
		const struct docker_container *c = entry->value;
		must(strlen(c->id) == ID_SIZE - 1 && map_get(&d->pods, c->pod->name) == c->pod);
	}
	/* each pod can be reported */
	while (!list_empty(&d->changed)) {
		struct docker_pod *pod = list_first(&d->changed, struct docker_pod, changed);
		list_remove(&pod->changed);
		state_report(d, pod);
	}
	(void)engine_free(e);
	(void)loop_free(loop);
}

/* --- refusals --- */

static void fuzz_refusal(const char *data, size_t len)
{
	if (len < 2)
		return;
	enum dialect_call call = (unsigned char)data[0] % (CALL_LOGS + 1U);
	int status = 200 + (unsigned char)data[1] % 4 * 100;
	_cleanup_free_ char *text = mem_strndup(data + 2, len - 2);
	enum dialect_hint hint, second;
	enum engine_result d = dialect_error(&dialect_docker, call, status, NULL, text, "id", &hint);
	must(d == dialect_error(&dialect_docker, call, status, NULL, text, "id", &second) && hint == second);
	(void)dialect_error(&dialect_podman, call, status, text, "", "id", &hint);
	(void)dialect_event(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *rest = (const char *)data + 1;
	if (size < 1)
		return 0;
	switch (*data) {
	case 'f':
		fuzz_frames(rest, size - 1);
		break;
	case 'i':
		fuzz_inspect(rest, size - 1);
		break;
	case 'l':
		fuzz_list(rest, size - 1);
		break;
	case 'd':
		fuzz_refusal(rest, size - 1);
		break;
	case 't': {
		_cleanup_free_ char *text = mem_strndup(rest, size - 1);
		must(time_parse(text) >= 0);
		bool paused;
		(void)state_of_word(text, &paused);
		break;
	}
	default:
		break;
	}
	return 0;
}

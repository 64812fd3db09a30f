/* GET /v1/pods/<project>/<pod>/logs: which container of which node is meant, and what of its log. */
#include <errno.h>

#include "controllers/api/object.h"
#include "controllers/api/relay.h"
#include "core/clock.h"
#include "kind/node.h"
#include "kind/pod.h"

struct pod_choice {
	struct api *api;
	const struct filter *filter;
	struct pod *pod;
	bool alive; /* its node is */
};

/* A pod may be on two nodes while one of them is lost: the living one is asked. */
static void choose_pod(void *ctx, const struct mirror_entry *m)
{
	struct pod_choice *choice = ctx;
	const char *below = api_below(choice->api, m->key);
	void *obj = NULL;
	if (choice->alive || m->orphan || !filter_key(choice->filter, &kind_pod, below) ||
	    kind_parse_stored(&kind_pod, below, m->value, m->value_len, &obj, NULL) != 0)
		return;
	struct pod *pod = obj;
	char health[KEY_SIZE];
	const struct mirror_entry *h = mirror_get(
	        choice->api->mirror, key_format(&kind_health, NULL, pod->node, health, sizeof(health)));
	bool alive = h && !h->orphan;
	if (!str_equal(pod->project, choice->filter->project) || (choice->pod && !alive)) {
		kind_free(&kind_pod, obj);
		return;
	}
	kind_free(&kind_pod, choice->pod);
	choice->pod = pod;
	choice->alive = alive;
}

/* The container that is meant; NULL after an answer. */
static const char *choose_container(struct call *c, const struct pod *pod)
{
	const char *wanted = request_param(&c->req, "container");
	const struct container *containers = LIST_ITEMS(&pod->containers, struct container);
	_cleanup_str_ struct str names = STR_INIT;
	for (size_t i = 0; i < pod->containers.count; i++) {
		if (wanted && streq(containers[i].name, wanted))
			return containers[i].name;
		str_printf(&names, "%s%s", i ? ", " : "", containers[i].name);
	}
	if (!wanted && pod->containers.count == 1)
		return containers[0].name;
	if (wanted)
		call_error(c, 404, "pod %s has no container '%.63s'; it has: %s", pod->name, wanted,
		           str_get(&names));
	else if (pod->containers.count == 0)
		call_error(c, 404, "pod %s has no containers", pod->name);
	else
		call_error(c, 400, "pod %s has several containers, choose one with 'container': %s",
		           pod->name, str_get(&names));
	return NULL;
}

/* What the reader asked for, as members of the session. 0, or -EINVAL with err. */
static int read_options(struct call *c, struct value *v, bool *ret_streams, struct error *err)
{
	bool follow = false, timestamps = false;
	int64_t tail = -1, since = -1;
	int r = request_switch(&c->req, "follow", &follow, err);
	if (r == 0)
		r = request_switch(&c->req, "timestamps", &timestamps, err);
	if (r == 0)
		r = request_switch(&c->req, "streams", ret_streams, err);
	if (r == 0)
		r = request_number(&c->req, "tail", &tail, err);
	if (r == 0)
		r = request_moment(&c->req, "since", clock_wall_ms(), &since, err);
	if (follow)
		value_set(v, "follow", value_new_bool(true));
	if (tail >= 0)
		value_set(v, "tail", value_new_int(tail));
	if (since >= 0)
		value_set(v, "since", value_new_int(since));
	if (timestamps)
		value_set(v, "timestamps", value_new_bool(true));
	return r;
}

void logs_handle(struct call *c)
{
	struct error err = {0};
	struct filter f = {0};
	bool streams = false;
	_cleanup_value_ struct value *options = value_new_object();
	if (!call_needs_copy(c))
		return;
	if (read_options(c, options, &streams, &err) != 0 || filter_init(&f, c, &err) != 0) {
		call_refuse(c, 400, &err);
		filter_done(&f);
		return;
	}
	struct pod_choice choice = {.api = c->api, .filter = &f};
	mirror_list(c->api->mirror, f.prefix, choose_pod, &choice);
	const char *container = NULL;
	if (!choice.pod)
		call_error(c, 404, "there is no pod %s/%s", c->at.scope, c->at.name);
	else
		container = choose_container(c, choice.pod);
	if (container && c->req.method == METHOD_HEAD)
		call_reply(c, 200, "text/plain; charset=utf-8", "", 0);
	else if (container)
		relay_begin(c, choice.pod, container, options, streams);
	kind_free(&kind_pod, choice.pod);
	filter_done(&f);
}

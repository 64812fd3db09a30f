#include "controllers/api/route.h"

#include "controllers/api/server.h"
#include "core/limits.h"

#define LIST_PARAMS   "project node service limit after defaults watch since"
#define WRITE_PARAMS  "dryRun rev"
#define OBJECT_PARAMS "defaults watch since"

/* clang-format off */
const struct route routes[] = {
	{METHOD_GET, "/", ROUTE_OPEN, 0, "", info_root,
	 "Says what this is."},
	{METHOD_GET, "/healthz", ROUTE_OPEN, 0, "", info_healthz,
	 "Answers while the process does."},
	{METHOD_GET, "/readyz", ROUTE_OPEN, 0, "", info_readyz,
	 "200 while the copy of the store is complete and the store is connected; otherwise 503 with the reason."},
	{METHOD_GET, "/metrics", 0, 0, "", info_metrics,
	 "Figures of this process as OpenMetrics text."},
	{METHOD_GET, "/openapi.json", 0, 0, "", info_openapi,
	 "This description."},
	{METHOD_GET, "/v1/version", 0, 0, "", info_version,
	 "Version of the server."},
	{METHOD_POST, "/v1/microservice", ROUTE_DOOR | ROUTE_BODY, LIMIT_VALUE, NULL, write_door,
	 "ContainerOS: creates or replaces a microservice of the project 'default'."},
	{METHOD_POST, "/v1/sessions/{id}", ROUTE_UPLOAD, SIZE_MAX, "", relay_upload,
	 "For runners: the stream that a session asked for, as frames."},
	{METHOD_GET, "/v1/pods/{project}/{name}/logs", 0, 0,
	 "container follow tail since timestamps streams node", logs_handle,
	 "The log of a container of the pod."},
	{METHOD_GET, "/v1/events", 0, 0, "object node since limit after defaults watch", read_list,
	 "What happened, newest last."},
	{METHOD_GET, "/v1/revisions/{project}/{name}", 0, 0, "limit after defaults watch since", read_list,
	 "The revisions of a microservice."},
	{METHOD_GET, "/v1/revisions/{project}/{name}/{hash}", 0, 0, OBJECT_PARAMS, read_object,
	 "One revision of a microservice."},

	{METHOD_GET, "/v1/{kind}", 0, 0, LIST_PARAMS, read_list,
	 "All objects of the kind; with watch=1 as a stream of events."},
	{METHOD_POST, "/v1/{kind}", ROUTE_WRITE | ROUTE_BODY, LIMIT_VALUE, WRITE_PARAMS, write_create,
	 "Creates an object that does not exist yet."},
	{METHOD_GET, "/v1/{kind}/{project}", ROUTE_SCOPED, 0, LIST_PARAMS, read_list,
	 "All objects of the kind in a project; with watch=1 as a stream of events."},
	{METHOD_POST, "/v1/{kind}/{project}", ROUTE_SCOPED | ROUTE_WRITE | ROUTE_BODY, LIMIT_VALUE, WRITE_PARAMS, write_create,
	 "Creates an object that does not exist yet."},
	{METHOD_GET, "/v1/{kind}/{project}/{name}", ROUTE_SCOPED, 0, OBJECT_PARAMS " node", read_object,
	 "One object; with watch=1 as a stream of events."},
	{METHOD_PUT, "/v1/{kind}/{project}/{name}", ROUTE_SCOPED | ROUTE_WRITE | ROUTE_BODY, LIMIT_VALUE, WRITE_PARAMS, write_put,
	 "Creates or replaces the object."},
	{METHOD_PATCH, "/v1/{kind}/{project}/{name}", ROUTE_SCOPED | ROUTE_WRITE | ROUTE_BODY, LIMIT_VALUE, WRITE_PARAMS, write_patch,
	 "Changes the object by a merge patch (RFC 7396)."},
	{METHOD_DELETE, "/v1/{kind}/{project}/{name}", ROUTE_SCOPED | ROUTE_WRITE, 0, WRITE_PARAMS, write_delete,
	 "Deletes the object."},
	{METHOD_GET, "/v1/{kind}/{name}", ROUTE_CLUSTER, 0, OBJECT_PARAMS, read_object,
	 "One object; with watch=1 as a stream of events."},
	{METHOD_PUT, "/v1/{kind}/{name}", ROUTE_CLUSTER | ROUTE_WRITE | ROUTE_BODY, LIMIT_VALUE, WRITE_PARAMS, write_put,
	 "Creates or replaces the object."},
	{METHOD_PATCH, "/v1/{kind}/{name}", ROUTE_CLUSTER | ROUTE_WRITE | ROUTE_BODY, LIMIT_VALUE, WRITE_PARAMS, write_patch,
	 "Changes the object by a merge patch (RFC 7396)."},
	{METHOD_DELETE, "/v1/{kind}/{name}", ROUTE_CLUSTER | ROUTE_WRITE, 0, WRITE_PARAMS, write_delete,
	 "Deletes the object."},
	{.pattern = NULL},
};
/* clang-format on */

const struct kind *route_kind(const char *plural)
{
	for (const struct kind *const *k = kinds; *k; k++) {
		bool is_status = str_after((*k)->key_prefix, "status/") != NULL;
		/* a status is shown with its object; a session holds a secret between the API and one runner */
		if (!is_status && *k != &kind_session && streq((*k)->plural, plural))
			return *k;
	}
	return NULL;
}

bool route_takes(const struct route *r, const struct kind *k)
{
	return !((r->flags & ROUTE_CLUSTER) && k->scope != KIND_CLUSTER) &&
	       !((r->flags & ROUTE_SCOPED) && k->scope == KIND_CLUSTER);
}

/* Takes the next "/segment" of a pattern. */
static bool pattern_next(const char **pattern, char *segment, size_t size)
{
	const char *at = *pattern;
	if (at[0] != '/' || at[1] == '\0')
		return false;
	size_t len = strcspn(++at, "/");
	if (len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		segment[i] = at[i];
	segment[len] = '\0';
	*pattern = at + len;
	return true;
}

static bool match(const struct route *route, const struct request *r, struct route_match *m)
{
	char part[32];
	size_t i = 0;
	for (const char *pattern = route->pattern; pattern_next(&pattern, part, sizeof(part)); i++) {
		if (i >= r->n_segments)
			return false;
		const char *segment = r->segments[i];
		if (streq(part, "{kind}")) {
			if (!m->kind || !route_takes(route, m->kind))
				return false;
		} else if (streq(part, "{project}")) {
			m->scope = segment;
		} else if (streq(part, "{name}") || streq(part, "{id}")) {
			m->name = segment;
		} else if (streq(part, "{hash}")) {
			m->hash = segment;
		} else if (!streq(part, segment)) {
			return false;
		}
	}
	return i == r->n_segments;
}

struct route_match route_find(const struct request *r)
{
	struct route_match found = {0};
	unsigned method = r->method == METHOD_HEAD ? METHOD_GET : r->method;
	if (r->n_segments > REQUEST_SEGMENTS)
		return found;
	const struct kind *kind =
	        r->n_segments >= 2 && streq(r->segments[0], "v1") ? route_kind(r->segments[1]) : NULL;
	for (const struct route *route = routes; route->pattern; route++) {
		struct route_match m = {.kind = kind};
		if (!match(route, r, &m))
			continue;
		found.kind = kind;
		if ((route->flags & ROUTE_WRITE) && !(kind && kind->desired))
			continue;
		found.allowed |= route->method | (route->method == METHOD_GET ? METHOD_HEAD : 0);
		if (route->method == method && !found.route) {
			m.route = route;
			m.allowed = found.allowed;
			found = m;
		}
	}
	return found;
}

/* What commands share about objects of the API: their paths, lists, and the words for their states. */
#pragma once

#include "cmd/tug/cli.h"
#include "cmd/tug/http.h"
#include "cmd/tug/table.h"
#include "kind/kind.h"

/* Is it for people? Statuses come with their objects, sessions are between the API and a runner. */
bool kind_is_shown(const struct kind *k) _nonnull_(1);
/* The shown kind that is nearest to a wrong word; NULL when none is near. */
const char *nearest_kind(const char *word) _nonnull_(1);
/* A shown kind by name, plural or alias; told and NULL when there is none. */
const struct kind *find_kind(const char *word) _nonnull_(1);
/* "/v1/microservices/default/web"; scope NULL where there is none, name NULL for a list. */
void object_path(struct str *out, const struct kind *k, const char *scope, const char *name) _nonnull_(1, 2);
/* Path and query of a list in the present project. */
void list_path(const struct cli *c, const struct kind *k, struct str *out) _nonnull_(1, 2, 3);
/* Adds --since to a query, where it was given; joint is '?' or '&'. Negative after a message: not a duration. */
int add_since(const struct cli *c, struct str *path, char joint) _nonnull_(1, 2) _must_check_;
/* All pages of a list as one array, to be unref'd; an exit code. */
int fetch_list(struct cli *c, const char *target, struct value **ret) _nonnull_(1, 2, 3) _must_check_;
/* The object; an exit code (EXIT_NOT_FOUND is told). */
int fetch_object(struct cli *c, const struct kind *k, const char *name, struct value **ret)
	_nonnull_(1, 2, 3, 4) _must_check_;
/* "web", "default/web" where several projects are shown. Returns buf. */
const char *object_label(const struct cli *c, const struct value *v, char *buf, size_t size) _nonnull_(1, 2, 3);

/* "9s" since a wall-clock time in ms; "-" when it is 0. Returns buf. */
const char *age_of(int64_t wall_ms, char *buf, size_t size) _nonnull_(2);
/* "running (9s)", "pulling containers (2s)", "failed: ContainerKeepsCrashing, again in 8s". Returns buf. */
const char *pod_state(const struct value *pod, char *buf, size_t size) _nonnull_(2);
/* The colour of what pod_state() and service_state() say. */
enum tone pod_tone(const struct value *pod);
enum tone service_tone(const char *state) _nonnull_(1);
/* "running (docker)". Returns buf. */
const char *pod_engine_state(const struct value *pod, char *buf, size_t size) _nonnull_(2);
/* "32768->80, 5432". Returns buf. */
const char *pod_ports(const struct value *pod, char *buf, size_t size) _nonnull_(2);
/* The condition of this type in an object's status; NULL: none. */
const struct value *condition_of(const struct value *object, const char *type) _nonnull_(2);
/* "ready", "2/3 ready", "invalid", "placed 1/3: 0/1 nodes: 1 memory". Returns buf. */
const char *service_state(const struct value *service, char *buf, size_t size) _nonnull_(2);

/*
 * What a command that changes something says: "microservice/web created"; with -o json or yaml the object as the API
 * answered it, with -o name its name alone.
 */
void print_done(struct cli *c, const struct kind *k, const char *name, const char *how, const struct value *answer)
	_nonnull_(1, 2, 3, 4);

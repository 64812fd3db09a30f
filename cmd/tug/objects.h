/* What commands share about objects of the API: their paths, lists, and the words for their states. */
#pragma once

#include "cmd/tug/cli.h"
#include "cmd/tug/http.h"
#include "kind/kind.h"

/* By name, plural or alias, "web" of "microservice/web" too; told and NULL when there is none. */
const struct kind *find_kind(const char *word) _nonnull_(1);
/* "/v1/microservices/default/web"; scope NULL where there is none, name NULL for a list. */
void object_path(struct str *out, const struct kind *k, const char *scope, const char *name) _nonnull_(1, 2);
/* Path and query of a list in the present project. */
void list_path(const struct cli *c, const struct kind *k, struct str *out) _nonnull_(1, 2, 3);
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
/* "running (docker)". Returns buf. */
const char *pod_engine_state(const struct value *pod, char *buf, size_t size) _nonnull_(2);
/* "32768->80, 5432". Returns buf. */
const char *pod_ports(const struct value *pod, char *buf, size_t size) _nonnull_(2);
/* The condition of this type in an object's status; NULL: none. */
const struct value *condition_of(const struct value *object, const char *type) _nonnull_(2);
/* "ready", "2/3 ready", "invalid", "placed 1/3: 0/1 nodes: 1 memory". Returns buf. */
const char *service_state(const struct value *service, char *buf, size_t size) _nonnull_(2);

/* Waits until the microservice as of revision rev is ready, or with gone until it and its pods are gone; progress on stderr. */
int wait_for_service(struct cli *c, const char *project, const char *name, int64_t rev, bool gone)
	_nonnull_(1, 2, 3) _must_check_;

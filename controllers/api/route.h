/*
 * The table of routes: dispatch, 405 with Allow, the parameters that a route knows, and /openapi.json all
 * come from it.
 */
#pragma once

#include "controllers/api/request.h"
#include "kind/kind.h"

struct call;

enum route_flags {
	ROUTE_OPEN = 1 << 0,    /* no password */
	ROUTE_DOOR = 1 << 1,    /* ContainerOS's: its shape of errors, password also in the body */
	ROUTE_UPLOAD = 1 << 2,  /* streams its body; authenticates by the session's own secret */
	ROUTE_BODY = 1 << 3,    /* takes a document */
	ROUTE_WRITE = 1 << 4,   /* {kind}: only kinds that people write */
	ROUTE_CLUSTER = 1 << 5, /* {kind}: only kinds without a project or node */
	ROUTE_SCOPED = 1 << 6,  /* {kind}: only kinds with one */
};

struct route {
	unsigned method; /* enum method */
	const char *pattern;
	unsigned flags;
	size_t bound;       /* of the body; 0: none is taken */
	const char *params; /* of the query, words */
	void (*handle)(struct call *c);
	const char *doc; /* one sentence, for /openapi.json */
};
extern const struct route routes[]; /* ends with pattern NULL */

struct route_match {
	const struct route *route;       /* NULL: none */
	unsigned allowed;                /* methods that the path knows; 0: no such path */
	const struct kind *kind;         /* that the path names; NULL: none */
	const char *scope, *name, *hash; /* {project}, {name} or {id}, {hash}: into the request */
};

struct route_match route_find(const struct request *r) _nonnull_(1);
/* The kind by its plural, of those that the API shows; NULL: none. */
const struct kind *route_kind(const char *plural) _nonnull_(1);
/* Does the row speak of this kind? (rows with {kind}) */
bool route_takes(const struct route *r, const struct kind *k) _nonnull_(1, 2);

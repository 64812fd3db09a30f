/* A small image registry of the tests' own (registry.py), in the network namespace of this process. */
#pragma once

struct registry;

struct registry *registry_start(void);
/* NULL is fine; returns NULL. */
struct registry *registry_free(struct registry *r);
/*
 * The reference of what a name stands for, to be freed:
 *   good          an image; moved: another one each time that it is asked for; digest: good, by its digest
 *   unknown       no such manifest        unauthorised  wants credentials that nobody has
 *   too-many      429                     broken        503
 *   damaged       its layer is not what its digest says
 *   hang          never answers           slow          its layer never ends
 *   refused       nobody listens          no-tls        good, at an address that is not this machine's own
 */
char *registry_ref(const struct registry *r, const char *name);
/* How many times a layer of it was asked for. */
unsigned registry_layers(struct registry *r, const char *name);

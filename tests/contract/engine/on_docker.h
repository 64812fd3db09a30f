/* What tests need of the real engine beyond struct maker. */
#pragma once

#include "contract/engine/drive.h"
#include "core/value.h"
#include "lib/dockerd.h"

struct registry;

struct dockerd *docker_server(void);
/* The full id of a container of ours, to be freed; container NULL: the infra. */
char *docker_id(struct world *w, const char *pod, const char *container);
/* What the engine says of it; of any target. To be unreferenced. */
struct value *docker_inspect(struct world *w, const char *pod, const char *container);
struct value *docker_get(const char *target);
/* The world's registry; NULL before the first w->maker->registry(). */
struct registry *docker_registry(struct world *w);
/* tug-hello as "/hello" and busybox as "/busybox" in an archive. */
void docker_tar(struct str *tar);

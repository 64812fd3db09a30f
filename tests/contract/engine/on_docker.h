/* What tests need of the real engine beyond struct maker. */
#pragma once

#include "contract/engine/drive.h"
#include "lib/dockerd.h"

struct dockerd *docker_server(void);
/* The full id of a container of ours, to be freed; container NULL: the infra. */
char *docker_id(struct world *w, const char *pod, const char *container);
/* tug-hello as "/hello" in an archive. */
void docker_tar(struct str *tar);

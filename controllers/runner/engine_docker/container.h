/* What one reply or event says about one container; pure. See container.c. */
#pragma once

#include "controllers/runner/engine_docker/docker.h"

/* "2026-11-21T12:34:56.123456789Z" or with an offset, as ns since 1970; 0 for the engines' "never" and for what is no time. */
int64_t time_parse(const char *s);
enum engine_state state_of_word(const char *word, bool *ret_paused) _nonnull_(2);

void pairs_done(struct pairs *p) _nonnull_(1);
/* Sorted; the first of a key stays. */
void pairs_put(struct pairs *p, const char *key, const char *value) _nonnull_(1, 2, 3);

/* These return whether anything changed that the port reports. */
bool container_ports_of_list(struct docker_container *c, const struct value *item) _nonnull_(1);
/* engine_restarted: it may have, so that exit code 255 is not the program's. */
bool container_of_inspect(struct docker_container *c, const struct value *v, bool engine_restarted) _nonnull_(1);

enum container_news {
	NEWS_NONE,
	NEWS_CHANGED,
	NEWS_STARTED, /* its ports are to be read */
	NEWS_LOOK,    /* only inspect can tell */
};
enum container_news container_of_event(struct docker_container *c, enum dialect_event event, int64_t ns,
				       int64_t exit_code) _nonnull_(1);

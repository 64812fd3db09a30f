/*
 * People: they create, edit, scale and delete microservices at random, write nonsense, cordon and drain nodes, and, once
 * asked to, mend what they broke.
 */
#pragma once

#include "sim/world.h"

/* Images that every machine can pull: some work, some never do; user_mend() makes all of them work. */
void user_offer_images(struct world *w) _nonnull_(1);
/* One random act. */
void user_act(struct world *w) _nonnull_(1);
/* Everything that is wanted can be had: values are valid, images work, nodes are active. */
void user_mend(struct world *w) _nonnull_(1);

/* A microservice in words, for scenarios: "web" with that many pods of that image. more: further JSON members, each with a
 * comma before it; "" for none. */
void user_put(struct world *w, const char *name, int scale, const char *image, const char *more) _nonnull_(1, 2, 4, 5);

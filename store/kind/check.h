/* Checks that rows of several kinds share; the signatures are those of `check` and `check_key` in
 * core/schema.h. */
#pragma once

#include "core/error.h"

/* p: a char *. A NULL member is fine (absent). */
int check_label(const void *p, struct error *err) _must_check_;
/* The name of a pod: a label but for its length. */
int check_pod_name(const void *p, struct error *err) _must_check_;
/* A path inside a container: absolute, not "/" itself, without "..", colons and control characters. */
int check_path(const void *p, struct error *err) _must_check_;
/* An image reference: [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]. */
int check_image(const void *p, struct error *err) _must_check_;
/* "UID[:GID]", or names. */
int check_user(const void *p, struct error *err) _must_check_;
/* File permissions as three or four octal digits. */
int check_mode(const void *p, struct error *err) _must_check_;

int check_label_key(const char *key, struct error *err) _must_check_;
/* "1" .. "65535" */
int check_port_key(const char *key, struct error *err) _must_check_;
/* A domain name, "*.example.org" included; "" is fine. */
int check_domain(const char *value, struct error *err) _must_check_;
/* The name of a node's label: letters, digits and . _ - / */
int check_node_label_key(const char *key, struct error *err) _must_check_;

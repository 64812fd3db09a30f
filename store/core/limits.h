/*
 * Every bound on what comes from outside, in one place. A size that a peer, a user or a file chooses is compared
 * with one of these before anything is allocated; the refusal names the place, the bound and what to do.
 * Sizes are bytes unless the name says otherwise.
 */
#pragma once

#include <stdint.h>

/* objects and documents */
#define LIMIT_VALUE	      (1024 * 1024) /* one stored value; etcd itself stops at 1.5 MiB a request */
#define LIMIT_KEY	      1024	    /* one key, prefix included */
#define LIMIT_DEPTH	      32	    /* nesting of a JSON or YAML document */
#define LIMIT_NODES	      100000	    /* values in one document */
#define LIMIT_DOCUMENTS	      1000	    /* documents in one YAML stream */
#define LIMIT_STREAM	      (16 * 1024 * 1024) /* one file or URL of `tug apply` */

/* the store */
#define LIMIT_TXN_OPS	      100		/* operations (compares apart) in one transaction */
#define LIMIT_TXN_BYTES	      (1400 * 1024)	/* the same, encoded */
#define LIMIT_STORE_MESSAGE   (64 * 1024 * 1024) /* one gRPC message from etcd */
#define LIMIT_LIST_PAGE	      1000		/* keys asked for at once */

/* names */
#define LIMIT_NAME	      63 /* a DNS label (RFC 1035 section 2.3.4) */
#define LIMIT_PROJECT	      63
#define LIMIT_NODE	      63
#define LIMIT_IMAGE	      512

/* a microservice */
#define LIMIT_SCALE	      10000
#define LIMIT_CONTAINERS      32
#define LIMIT_ENV	      1000
#define LIMIT_PORTS	      256
#define LIMIT_STRINGS	      1000 /* items of one list of strings */
#define LIMIT_MOUNTS	      256  /* volumes, and files, of one container */
#define LIMIT_DEPENDS	      100
#define LIMIT_PATH	      1024	       /* a path inside a container */
#define LIMIT_DOMAIN	      253	       /* RFC 1035 section 2.3.4 */
#define LIMIT_MEMORY_MIN      (6 * 1024 * 1024) /* below it Docker refuses, and Podman's containers die at start */
#define LIMIT_MEMORY_MAX      (INT64_C(1) << 44) /* 16 TiB; sums over pods stay far below 2^63 */
#define LIMIT_CPU_MIN	      10	       /* milli-cores: 0.01 is Docker's least */
#define LIMIT_CPU_MAX	      1024000
#define LIMIT_GRACE_MS	      (3600 * 1000) /* between the stop signal and the kill */
#define LIMIT_CONDITIONS      64
#define LIMIT_MESSAGE	      4096 /* a sentence in a status or an event */

/* pod names are longer than labels: <microservice>-<ordinal>-<revision> */
#define LIMIT_POD_NAME	      (LIMIT_NAME + 1 + 5 + 1 + 10)

/* HTTP */
#define LIMIT_HTTP_HEAD	      (16 * 1024)
#define LIMIT_HTTP_FIELDS     64
#define LIMIT_HTTP_TARGET     (8 * 1024)
#define LIMIT_HTTP_BODY	      (LIMIT_VALUE + 64 * 1024) /* a request of the API; routes may ask for less */
#define LIMIT_HTTP_REPLY      (64 * 1024 * 1024)	/* a whole, buffered reply read by a client */

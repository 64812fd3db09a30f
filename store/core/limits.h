/*
 * Every bound on what comes from outside, in one place. A size that a peer, a user or a file chooses is compared
 * with one of these before anything is allocated; the refusal names the place, the bound and what to do.
 * Sizes are bytes unless the name says otherwise.
 */
#pragma once

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

/* HTTP */
#define LIMIT_HTTP_HEAD	      (16 * 1024)
#define LIMIT_HTTP_FIELDS     64
#define LIMIT_HTTP_TARGET     (8 * 1024)
#define LIMIT_HTTP_BODY	      (LIMIT_VALUE + 64 * 1024) /* a request of the API; routes may ask for less */
#define LIMIT_HTTP_REPLY      (64 * 1024 * 1024)	/* a whole, buffered reply read by a client */

/*
 * ContainerOS's request, checked as ContainerOS checks it: the same fields, defaults, order of checks and
 * messages, of which only the first is reported. Pure: values in, values out. What is checked beyond that
 * (whole numbers, ports, the shape of env items, the bounds of tug's own microservice) is reported in the
 * same style.
 */
#pragma once

#include "core/str.h"
#include "core/value.h"
#include "kind/microservice.h"

#define CONTAINEROS_MAX_SCALE 20

/*
 * Query and body as one object: the members of query (an object of strings) first, then those of body, which
 * win. body NULL: none was sent. A new value; NULL when body is not an object.
 */
struct value *containeros_merge(const struct value *query, const struct value *body) _nonnull_(1);
/* The password given, borrowed from merged; NULL when there is none or it is not a string. */
const char *containeros_password(const struct value *merged) _nonnull_(1);

/*
 * Checks a merged request; `password` is passed over. 0: *ret_accepted is the request with its defaults
 * filled in, as it goes into the answer, and *ret_microservice the object to store (kind_free()). -EINVAL:
 * message is the whole errorMessage.
 */
int containeros_accept(const struct value *merged, struct value **ret_accepted,
                       struct microservice **ret_microservice, struct str *message)
        _nonnull_(1, 2, 3, 4) _must_check_;

/* {"success":true,"acceptedValues":{...}} */
void containeros_print_accepted(const struct value *accepted, struct str *out) _nonnull_(1, 2);
/* {"errorMessage":"...","statusCode":400,"app":"cluster-api"} */
void containeros_print_error(int status, const char *message, struct str *out) _nonnull_(2, 3);

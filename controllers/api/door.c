/*
 * POST /v1/microservice: ContainerOS's one route. Its password may come in the body, which wins over the
 * query, so the body is read before anything is known about the client.
 */
#include "controllers/api/containeros.h"
#include "controllers/api/write.h"
#include "core/json.h"

/* False: answered. */
static bool may(struct call *c, const struct value *merged)
{
	if (streq(c->http->peer, "unix"))
		return true;
	_cleanup_str_ struct str header = STR_INIT;
	const char *given = merged ? containeros_password(merged) : request_param(&c->req, "password");
	_cleanup_value_ struct value *none = value_new_object();
	if (!given && request_password(http1_field(c->http->head, "Authorization"), none, &header))
		given = str_get(&header);
	if (given && str_equal_secret(c->api->password, given, strlen(given)))
		return true;
	call_wrong_password(c, given != NULL);
	return false;
}

/* The whole message: struct error would cut it. */
static void refuse(struct call *c, const char *message)
{
	_cleanup_str_ struct str out = STR_INIT;
	containeros_print_error(400, message, &out);
	call_reply(c, 400, NULL, out.data, out.len);
}

void write_door(struct call *c)
{
	struct error err = {0};
	_cleanup_value_ struct value *body = NULL, *merged = NULL, *accepted = NULL;
	_cleanup_str_ struct str message = STR_INIT;
	struct microservice *m = NULL;
	int r = c->http->body_len ? json_parse(c->http->body, c->http->body_len, &body, &err) : 0;
	if (r == 0)
		merged = containeros_merge(c->req.query, body);
	if (!may(c, merged))
		return;
	if (r != 0)
		call_refuse(c, 400, &err);
	else if (!merged)
		call_error(c, 400, "Expected an object, but received: %s. Expected format: undefined",
		           value_type_name(value_type(body)));
	else if (containeros_accept(merged, &accepted, &m, &message) != 0)
		refuse(c, str_get(&message));
	else
		write_accepted(c, TAKE_PTR(accepted), m);
}

/* The role: options, limits of the process, its life. */
#include "controllers/api/api.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"

#define STOP_GRACE_MS 2000

struct api_role {
	struct role *role;
	struct api *api;
	struct loop_signal hangup;
};

static void on_stopped(void *ctx)
{
	struct api_role *r = ctx;
	role_quit(r->role, 0);
}

static void on_stop(void *ctx)
{
	struct api_role *r = ctx;
	api_stop(r->api, STOP_GRACE_MS, on_stopped, r);
}

static void on_synced(void *ctx)
{
	struct api_role *r = ctx;
	role_ready(r->role);
}

static void on_hangup(void *ctx, int signum _unused_)
{
	struct api_role *r = ctx;
	struct error err = {0};
	if (api_reload(r->api, &err) == 0)
		log_event(LOG_INFO, "tls.reloaded", NULL, "%s", "why=SIGHUP");
	else
		log_event(LOG_ERROR, "tls.kept", NULL, "why=%s", log_quote(err.text));
}

/* As many descriptors as the system lets us have: thousands of watchers are one each. */
static void raise_descriptors(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static int start(struct api_role *r)
{
	const struct options *o = &r->role->options;
	_cleanup_free_ char *folder = options_path(o, "run"), *socket = options_path(o, "run/api.sock");
	struct error err = {0};
	struct httpd_tls tls = {
	        .cert_file = o->tls_cert, .key_file = o->tls_key, .client_ca_file = o->tls_client_ca};
	struct api_config config = {
	        .prefix = o->prefix,
	        .node = o->node,
	        .password = o->password,
	        .listen = o->listen,
	        .unix_path = socket,
	        .advertise = o->advertise,
	        .tls = o->tls_cert && o->tls_key ? &tls : NULL,
	};
	int q = file_mkdirs(folder, 0700);
	if (q < 0)
		(void)error_set(&err, q, "", "cannot make %s: %s", folder, strerror(-q));
	else
		q = api_new(r->role->loop, r->role->store, &config, &r->api, &err);
	if (q < 0) {
		log_event(LOG_ERROR, "role.failed", NULL, "why=%s", log_quote(err.text));
		return q;
	}
	log_event(LOG_INFO, "api.listen", o->listen, "tls=%s socket=%s", config.tls ? "1.3" : "no",
	          log_quote(socket));
	return 0;
}

int api_run(struct role *role)
{
	struct api_role r = {.role = role};
	raise_descriptors();
	if (start(&r) < 0)
		return 1;
	role->on_stop = on_stop;
	role->on_stop_ctx = &r;
	loop_signal_start(role->loop, &r.hangup, SIGHUP, on_hangup, &r);
	api_on_synced(r.api, on_synced, &r);
	int status = role_run(role);
	role->on_stop = NULL;
	role->on_stop_ctx = NULL;
	loop_signal_stop(&r.hangup);
	r.api = api_free(r.api);
	return status;
}

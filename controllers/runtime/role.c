#include "controllers/runtime/role.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controllers/runtime/notify.h"
#include "core/clock.h"
#include "core/log.h"
#include "etcd/etcd.h"

#define LAST_WORDS_MS 1000

static void on_signal(void *ctx, int signum)
{
	struct role *r = ctx;
	if (r->stopping) {
		/* asked twice: whatever it is waiting for, everything is in the store */
		role_quit(r, 0);
		return;
	}
	r->stopping = true;
	log_event(LOG_INFO, "role.stop", NULL, "signal=%d", signum);
	if (r->on_stop)
		r->on_stop(r->on_stop_ctx);
	else
		role_quit(r, 0);
}

static void on_store_state(void *ctx _unused_, enum store_state state, const char *text)
{
	static const char *const names[] = {
	        [STORE_CONNECTING] = "store.connecting",
	        [STORE_READY] = "store.ready",
	        [STORE_LOST] = "store.lost",
	        [STORE_REFUSED] = "store.refused",
	};
	enum log_level level = state == STORE_READY        ? LOG_INFO
	                       : state == STORE_CONNECTING ? LOG_DEBUG
	                                                   : LOG_WARN;
	if (*text)
		log_event(level, names[state], NULL, "why=%s", log_quote(text));
	else
		log_event(level, names[state], NULL, NULL);
}

static int open_store(struct role *r)
{
	const struct options *o = &r->options;
	struct etcd_config cfg = {
	        .endpoints = o->etcd,
	        .ca_file = o->etcd_ca,
	        .cert_file = o->etcd_cert,
	        .key_file = o->etcd_key,
	        .user = o->etcd_user,
	        .password = o->etcd_password,
	};
	struct error err = {0};
	if (!o->etcd) {
		log_event(LOG_ERROR, "role.failed", NULL, "why=%s",
		          log_quote("no etcd was named: --etcd or TUG_ETCD; `tugd up` runs one by itself"));
		return -EINVAL;
	}
	int q = etcd_open(r->loop, &cfg, &r->store, &err);
	if (q < 0) {
		char text[768];
		log_event(LOG_ERROR, "role.failed", NULL, "why=%s",
		          log_quote(error_format(&err, text, sizeof(text))));
		return q;
	}
	r->store->on_state = on_store_state;
	r->store->on_state_ctx = r;
	return 0;
}

int role_init(struct role *r, const char *name, struct options *options, bool with_store)
{
	*r = (struct role){.options = *options, .name = name};
	*options = (struct options){0};
	log_init(name, r->options.verbose ? LOG_DEBUG : LOG_INFO, !getenv("JOURNAL_STREAM"));
	(void)signal(SIGPIPE, SIG_IGN);
	r->loop = loop_new();
	loop_signal_start(r->loop, &r->term, SIGTERM, on_signal, r);
	loop_signal_start(r->loop, &r->interrupt, SIGINT, on_signal, r);
	return with_store ? open_store(r) : 0;
}

void role_ready(struct role *r)
{
	if (r->ready)
		return;
	r->ready = true;
	log_event(LOG_INFO, "role.ready", NULL, "version=%s", TUG_VERSION);
	char text[96];
	(void)snprintf(text, sizeof(text), "READY=1\nX_TUG_ROLE=%s\n", r->name);
	notify_send(text);
}

int role_run(struct role *r)
{
	loop_run(r->loop);
	return r->status;
}

void role_quit(struct role *r, int status)
{
	r->status = status;
	loop_stop(r->loop);
}

void role_done(struct role *r)
{
	/* what was given up last (leadership) is still on its way */
	int64_t until = clock_monotonic_ms() + LAST_WORDS_MS, left;
	while (r->store && store_busy(r->store) && (left = until - clock_monotonic_ms()) > 0)
		loop_step(r->loop, left);
	r->store = store_free(r->store);
	loop_signal_stop(&r->term);
	loop_signal_stop(&r->interrupt);
	r->loop = loop_free(r->loop);
	options_done(&r->options);
}

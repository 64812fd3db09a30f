#include "etcd/endpoints.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

#define ENDPOINTS_MAX 64

/* xorshift64: spread is all that is wanted of it. */
static uint64_t roll(struct endpoints *e)
{
	e->dice ^= e->dice << 13;
	e->dice ^= e->dice >> 7;
	e->dice ^= e->dice << 17;
	return e->dice;
}

int64_t endpoints_jitter(struct endpoints *e, int64_t ms)
{
	int64_t quarter = ms / 4;
	return ms - quarter + (int64_t)(roll(e) % (uint64_t)(2 * quarter + 1));
}

static void shuffle(struct endpoints *e)
{
	for (size_t i = e->n; i > 1; i--) {
		size_t j = roll(e) % i;
		struct net_address a = e->list[i - 1];
		e->list[i - 1] = e->list[j];
		e->list[j] = a;
	}
}

static int parse(struct endpoints *e, const char *text, struct error *err)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		_cleanup_free_ char *one = mem_strndup(text, len);
		text += len + (text[len] == ',');
		if (!len)
			continue;
		if (e->n == ENDPOINTS_MAX)
			return error_set(err, -EINVAL, "etcd", "more than %d endpoints", ENDPOINTS_MAX);
		e->list = mem_realloc_array(e->list, e->n + 1, sizeof(*e->list));
		int r = net_address_parse(one, &e->list[e->n], err);
		if (r < 0) {
			error_prefix(err, "etcd");
			return r;
		}
		e->tls = e->tls || e->list[e->n].tls;
		e->n++;
	}
	if (!e->n)
		return error_set(err, -EINVAL, "etcd", "no endpoint is given; write http://ADDRESS:PORT");
	return 0;
}

/* Notes which file is there now; true when it is another one than before. */
static bool file_changed(struct endpoints_file *f)
{
	struct stat st;
	if (!f->path || stat(f->path, &st) < 0)
		return false;
	bool same = f->inode == st.st_ino && f->modified.tv_sec == st.st_mtim.tv_sec &&
	            f->modified.tv_nsec == st.st_mtim.tv_nsec;
	f->inode = st.st_ino;
	f->modified = st.st_mtim;
	return !same;
}

/* Versions before TLS 1.3 are accepted: the etcd may be somebody else's. */
static int make_context(struct endpoints *e, struct error *err)
{
	struct tls_context *made;
	int r = tls_client_new(e->ca.path, e->cert.path, e->key.path, "h2", true, &made, err);
	if (r < 0)
		return r;
	(void)tls_context_unref(e->context);
	e->context = made;
	return 0;
}

struct tls_context *endpoints_tls(struct endpoints *e)
{
	bool ca = file_changed(&e->ca), cert = file_changed(&e->cert), key = file_changed(&e->key);
	/* half-written files do not load: the old ones stay until the new ones do */
	if ((ca || cert || key) && make_context(e, NULL) < 0)
		e->cert.inode = e->ca.inode = 0;
	return e->context;
}

int endpoints_init(struct endpoints *e, const struct etcd_config *cfg, struct error *err)
{
	*e = (struct endpoints){0};
	if (getrandom(&e->dice, sizeof(e->dice), GRND_NONBLOCK) != sizeof(e->dice) || !e->dice)
		e->dice = (uint64_t)clock_monotonic_ms() | 1;
	if ((cfg->cert_file == NULL) != (cfg->key_file == NULL))
		return error_set(err, -EINVAL, "etcd",
		                 "a client certificate and its key belong together; give both or neither");
	int r = parse(e, cfg->endpoints ? cfg->endpoints : "", err);
	if (r < 0)
		return r;
	shuffle(e);
	e->ca.path = mem_strdup(cfg->ca_file);
	e->cert.path = mem_strdup(cfg->cert_file);
	e->key.path = mem_strdup(cfg->key_file);
	if (!e->tls)
		return 0;
	(void)file_changed(&e->ca);
	(void)file_changed(&e->cert);
	(void)file_changed(&e->key);
	r = make_context(e, err);
	return r < 0 ? -EINVAL : 0;
}

void endpoints_done(struct endpoints *e)
{
	free(e->list);
	free(e->ca.path);
	free(e->cert.path);
	free(e->key.path);
	e->context = tls_context_unref(e->context);
	*e = (struct endpoints){0};
}

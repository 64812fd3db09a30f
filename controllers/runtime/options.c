#include "controllers/runtime/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/document.h"
#include "core/file.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/net.h"

#define ROW(member, name, variable, arg, preset, text, ...)                                         \
	{                                                                                           \
		.flag = (name), .env = (variable), .value = (arg), .dflt = (preset), .doc = (text), \
		.offset = offsetof(struct options, member), __VA_ARGS__                             \
	}

/* clang-format off */
const struct option_row option_table[] = {
	ROW(node, "node", "TUG_NODE", "NAME", NULL, "name of this machine; default: the host name"),
	ROW(data_dir, "data-dir", "TUG_DATA_DIR", "DIR", "/var/lib/tug", "where everything of this machine is kept"),
	ROW(listen, "listen", "TUG_LISTEN", "ADDR:PORT", "127.0.0.1:8000", "where the API listens"),
	ROW(advertise, "advertise", "TUG_ADVERTISE", "ADDR", NULL, "address under which other machines reach this one"),
	ROW(engine, "engine", "TUG_ENGINE", "unix:///PATH", NULL, "container engine; default: DOCKER_HOST, then Docker's socket"),
	ROW(etcd, "etcd", "TUG_ETCD", "URL[,URL]", NULL, "an etcd that exists; default: one is run for you"),
	ROW(etcd_ca, "etcd-ca", "TUG_ETCD_CA", "FILE", NULL, "certificate authority of that etcd (PEM)"),
	ROW(etcd_cert, "etcd-cert", "TUG_ETCD_CERT", "FILE", NULL, "client certificate for it"),
	ROW(etcd_key, "etcd-key", "TUG_ETCD_KEY", "FILE", NULL, "its key"),
	ROW(etcd_user, "etcd-user", "TUG_ETCD_USER", "NAME", NULL, "user of that etcd"),
	ROW(etcd_password, NULL, "TUG_ETCD_PASSWORD", "PASSWORD", NULL, "password of that user", .secret = true),
	ROW(prefix, "prefix", "TUG_PREFIX", "PREFIX", "/tug", "of all keys in etcd"),
	ROW(password, NULL, "TUG_PASSWORD", "PASSWORD", "dev", "password of the API", .secret = true),
	ROW(tls_cert, "tls-cert", "TUG_TLS_CERT", "FILE", NULL, "certificate of the API (PEM); clear text without it"),
	ROW(tls_key, "tls-key", "TUG_TLS_KEY", "FILE", NULL, "its key"),
	ROW(tls_client_ca, "tls-client-ca", "TUG_TLS_CLIENT_CA", "FILE", NULL, "who may sign client certificates"),
	ROW(labels, "label", "TUG_LABEL", "KEY=VALUE", NULL, "label of this node; may be repeated", .list = true),
	ROW(zone, "zone", "TUG_ZONE", "ZONE", NULL, "zone of this node"),
	ROW(verbose, "verbose", "TUG_VERBOSE", NULL, NULL, "log every decision with its reason (-v)"),
	ROW(config, "config", "TUG_CONFIG", "FILE", "/etc/tug/tug.yaml", "file with the same options as keys"),
	{0},
};
/* clang-format on */

/* a row without a flag (a secret) is still a key of the file; its name there */
static const char *file_key(const struct option_row *row, char *buf, size_t size)
{
	if (row->flag)
		return row->flag;
	size_t n = 0;
	for (const char *p = row->env + strlen("TUG_"); *p && n + 1 < size; p++)
		buf[n++] = *p == '_' ? '-' : (char)(*p | 0x20);
	buf[n] = '\0';
	return buf;
}

static char **slot(const struct options *o, const struct option_row *row)
{
	return (char **)(void *)((char *)(uintptr_t)o + row->offset);
}

const char *options_value(const struct options *o, const struct option_row *row)
{
	return *slot(o, row);
}

static void set(struct options *o, const struct option_row *row, const char *value, const char *origin)
{
	char **at = slot(o, row);
	size_t i = (size_t)(row - option_table);
	if (row->list && *at && o->origin[i] && streq(o->origin[i], origin)) {
		char *joined = mem_printf("%s,%s", *at, value);
		free(*at);
		*at = joined;
	} else {
		free(*at);
		*at = mem_strdup(value);
	}
	o->origin[i] = origin;
}

static int load_file(struct options *o, bool asked_for, struct error *err)
{
	_cleanup_str_ struct str text = STR_INIT;
	int r = file_read(o->config, LIMIT_VALUE, &text);
	if (r == -ENOENT && !asked_for)
		return 0;
	if (r < 0)
		return error_set(err, -EINVAL, o->config, "%s", strerror(-r));
	struct document d = {0};
	r = document_parse(str_get(&text), text.len, &d, err);
	if (r < 0) {
		error_prefix(err, o->config);
		return -EINVAL;
	}
	r = 0;
	value_for_each (it, d.value) {
		const struct value *v = value_iter_value(it);
		const char *name = value_iter_name(it);
		const struct option_row *row = option_table;
		char buf[64];
		while (row->env && !streq(file_key(row, buf, sizeof(buf)), name))
			row++;
		if (!row->env) {
			r = error_set(err, -EINVAL, o->config,
			              "%s: no such option; `tugd up --help` lists them", name);
			break;
		}
		if (value_type(v) == VALUE_ARRAY && row->list) {
			value_for_each_item (i, item, v)
				if (value_string(item))
					set(o, row, value_string(item), "file");
		} else if (value_type(v) == VALUE_BOOL && !row->value) {
			if (value_bool(v))
				set(o, row, "1", "file");
		} else if (value_type(v) == VALUE_STRING) {
			set(o, row, value_string(v), "file");
		} else {
			r = error_set(err, -EINVAL, o->config, "%s: a string is wanted; quote it", name);
			break;
		}
	}
	document_done(&d);
	return r;
}

static const struct option_row *find_flag(const char *word, const char **ret_value)
{
	if (streq(word, "-v"))
		word = "--verbose";
	const char *name = str_after(word, "--");
	if (!name)
		return NULL;
	for (const struct option_row *row = option_table; row->env; row++) {
		const char *rest = row->flag ? str_after(name, row->flag) : NULL;
		if (rest && (*rest == '\0' || *rest == '=')) {
			*ret_value = *rest == '=' ? rest + 1 : NULL;
			return row;
		}
	}
	return NULL;
}

/* Flags are looked at twice: first for --config alone, then for all, as the file has to be read in between. */
static int load_flags(struct options *o, int argc, char **argv, bool config_only, int *ret_used,
                      struct error *err)
{
	int i = 0;
	while (i < argc) {
		const char *value;
		const struct option_row *row = find_flag(argv[i], &value);
		if (!row)
			break;
		if (row->value && !value) {
			if (i + 1 >= argc)
				return error_set(err, -EINVAL, "", "%s needs a value: %s", argv[i],
				                 row->value);
			value = argv[++i];
		}
		if (!row->value && value)
			return error_set(err, -EINVAL, "", "--%s takes no value", row->flag);
		i++;
		if (!config_only || row->offset == offsetof(struct options, config))
			set(o, row, value ? value : "1", "flag");
	}
	*ret_used = i;
	return 0;
}

/* The host name's first label, made a DNS label. */
static void default_node(struct options *o)
{
	char host[256] = "";
	(void)gethostname(host, sizeof(host) - 1);
	char *dot = strchr(host, '.');
	if (dot)
		*dot = '\0';
	for (char *p = host; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p == '_' ? '-' : *p;
	o->node = mem_strdup(str_is_label(host) ? host : "node");
}

/* The first engine socket that exists; Docker's when none does, so that messages name the usual one. */
static void default_engine(struct options *o)
{
	static const char *const sockets[] = {"/var/run/docker.sock", "/run/podman/podman.sock"};
	const char *host = getenv("DOCKER_HOST");
	if (host && *host) {
		o->engine = mem_strdup(host);
		return;
	}
	size_t found = 0;
	for (size_t i = ELEMENTS(sockets); i-- > 0;)
		if (access(sockets[i], F_OK) == 0)
			found = i;
	o->engine = mem_printf("unix://%s", sockets[found]);
}

/* Once here, rather than by every role at each of its starts. */
static int check_address(const char *flag, const char *text, struct error *err)
{
	struct net_address a;
	struct error why = {0};
	if (net_address_parse(text, &a, &why) == 0)
		return 0;
	return error_set(err, -EINVAL, flag, "%s", why.text);
}

static int check(const struct options *o, struct error *err)
{
	int r = check_address("--engine", o->engine, err);
	if (r == 0)
		r = check_address("--listen", o->listen, err);
	if (r < 0)
		return r;

	if (!str_is_label(o->node))
		return error_set(err, -EINVAL, "--node",
		                 "\"%s\" is not a name: lower-case letters, digits and '-', at most 63",
		                 o->node);
	if (o->data_dir[0] != '/')
		return error_set(err, -EINVAL, "--data-dir", "\"%s\" has to be an absolute path",
		                 o->data_dir);
	size_t n = strlen(o->prefix);
	if (o->prefix[0] != '/' || n < 2 || n > 200 || o->prefix[n - 1] == '/')
		return error_set(err, -EINVAL, "--prefix",
		                 "\"%s\" has to begin with '/', not to end with it, and be at most 200 bytes",
		                 o->prefix);
	if (!o->tls_cert != !o->tls_key)
		return error_set(err, -EINVAL, "--tls-cert", "certificate and key have to be given together");
	return 0;
}

int options_load(struct options *o, int argc, char **argv, int *ret_used, struct error *err)
{
	*o = (struct options){0};
	for (const struct option_row *row = option_table; row->env; row++)
		if (row->dflt)
			set(o, row, row->dflt, "default");
	const struct option_row *config = option_table;
	while (config->offset != offsetof(struct options, config))
		config++;
	const char *config_env = getenv(config->env);
	if (config_env && *config_env)
		set(o, config, config_env, "environment");
	int r = load_flags(o, argc, argv, true, ret_used, err);
	if (r == 0)
		r = load_file(o, !streq(o->origin[config - option_table], "default"), err);
	if (r < 0)
		return r;
	for (const struct option_row *row = option_table; row->env; row++) {
		const char *value = getenv(row->env);
		if (value && *value)
			set(o, row, value, "environment");
	}
	r = load_flags(o, argc, argv, false, ret_used, err);
	if (r < 0)
		return r;
	if (!o->node)
		default_node(o);
	if (!o->engine)
		default_engine(o);
	return check(o, err);
}

void options_done(struct options *o)
{
	for (const struct option_row *row = option_table; row->env; row++)
		free(*slot(o, row));
	*o = (struct options){0};
}

void options_export(const struct options *o)
{
	for (const struct option_row *row = option_table; row->env; row++) {
		const char *value = options_value(o, row), *origin = o->origin[row - option_table];
		/* A config file that only the default names may be missing; named by a variable it would have
		 * to exist. */
		bool named = row->offset != offsetof(struct options, config) || !streq(origin, "default");
		if (value && named)
			(void)setenv(row->env, value, 1);
	}
}

/* The options that are kept: those that say whose containers they are and where. */
static bool is_kept(const struct option_row *row)
{
	return row->offset == offsetof(struct options, node) ||
	       row->offset == offsetof(struct options, engine);
}

int options_remember(const struct options *o)
{
	_cleanup_free_ char *path = options_path(o, "up.json");
	_cleanup_value_ struct value *v = value_new_object();
	_cleanup_str_ struct str text = STR_INIT;
	for (const struct option_row *row = option_table; row->env; row++)
		if (is_kept(row) && options_value(o, row))
			value_set(v, row->flag, value_new_string(options_value(o, row)));
	json_print(v, JSON_COMPACT, &text);
	return file_write(path, str_get(&text), text.len, 0600);
}

void options_recall(struct options *o)
{
	_cleanup_free_ char *path = options_path(o, "up.json");
	_cleanup_str_ struct str text = STR_INIT;
	_cleanup_value_ struct value *v = NULL;
	if (file_read(path, LIMIT_VALUE, &text) < 0 || json_parse(str_get(&text), text.len, &v, NULL) < 0)
		return;
	for (const struct option_row *row = option_table; row->env; row++) {
		const char *value = is_kept(row) ? value_get_string(v, row->flag) : NULL;
		if (value && !o->origin[row - option_table])
			set(o, row, value, "last start");
	}
}

void options_print(const struct options *o, struct str *out)
{
	for (const struct option_row *row = option_table; row->env; row++) {
		const char *value = options_value(o, row), *origin = o->origin[row - option_table];
		char buf[64];
		str_printf(out, "%-16s %-32s %s\n", file_key(row, buf, sizeof(buf)),
		           !value        ? "-"
		           : row->secret ? "***"
		                         : value,
		           origin  ? origin
		           : value ? "found"
		                   : "not set");
	}
}

char *options_path(const struct options *o, const char *name)
{
	return mem_printf("%s/%s", o->data_dir, name);
}

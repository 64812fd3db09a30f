/* down, etcd env and version: about this machine and this program. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/tug/http.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/proc.h"

static const char *data_dir(void)
{
	const char *dir = getenv("TUG_DATA_DIR");
	return dir && *dir ? dir : "/var/lib/tug";
}

int run_down(struct cli *c)
{
	_cleanup_free_ char *socket = mem_printf("%s/run/up.sock", data_dir());
	if (access(socket, F_OK) == 0 && access(socket, R_OK | W_OK) < 0)
		return cli_fail(EXIT_FAILED, "%s: %s; tug runs as root", socket, strerror(errno));
	int e = unix_post(socket, "/v1/down", "tug is down\n");
	if (e != EXIT_UNREACHABLE)
		return e; /* what is wrong was shown */
	/* the roles are gone already, or never were: their containers may still run */
	cli_note(c, "tug is not up here (%s); stopping what containers of its are left", data_dir());
	_cleanup_free_ char *tugd = proc_beside("tugd");
	(void)execl(tugd, "tugd", "runner", "--stop-all", (char *)NULL);
	return cli_fail(EXIT_FAILED, "%s: %s", tugd, strerror(errno));
}

int run_etcd_env(struct cli *c _unused_)
{
	_cleanup_free_ char *path = mem_printf("%s/etcd.env", data_dir());
	_cleanup_str_ struct str text = STR_INIT;
	int r = file_read(path, 65536, &text);
	if (r == -ENOENT)
		return cli_fail(EXIT_NOT_FOUND, "%s is not there: `tugd up` on this machine writes it", path);
	if (r < 0)
		return cli_fail(EXIT_FAILED, "%s: %s", path, strerror(-r));
	(void)fwrite(str_get(&text), 1, text.len, stdout);
	return EXIT_OK;
}

int run_version(struct cli *c)
{
	int o = cli_output(c);
	if (o < 0)
		return EXIT_USAGE;
	_cleanup_reply_ struct reply r;
	int e = api_call(c, "GET", "/v1/version", NULL, NULL, 0, &r);
	const char *api = value_get_string(r.value, "version");
	if (o == OUTPUT_JSON || o == OUTPUT_YAML) {
		_cleanup_value_ struct value *v = value_new_object();
		value_set(v, "client", value_new_string(TUG_VERSION));
		if (api)
			value_set(v, "api", value_new_string(api));
		cli_print_value(v, (enum output)o);
	} else {
		printf("tug %s\napi %s\n", TUG_VERSION, api ? api : "-");
	}
	return e;
}

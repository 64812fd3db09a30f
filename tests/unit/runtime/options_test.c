/* Where the value of an option comes from: a flag, the environment, the file, the last start, the default. */
#include "controllers/runtime/options.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "lib/test.h"

enum { WORDS = 12 };

static char dir[32];

/* A file of this text below the folder of the test; its path. */
static const char *write_text(const char *name, const char *text)
{
	static char path[64];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK_INT(file_write(path, text, strlen(text), 0600), 0);
	return path;
}

static void begin(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/tug-options-XXXXXX");
	CHECK(mkdtemp(dir));
	for (const struct option_row *row = option_table; row->env; row++)
		CHECK_INT(unsetenv(row->env), 0);
	CHECK_INT(unsetenv("DOCKER_HOST"), 0);
	/* the machine's own file is not looked at */
	CHECK_INT(setenv("TUG_CONFIG", write_text("empty.yaml", "{}"), 1), 0);
}

static void end(void)
{
	static const char *const names[] = {"empty.yaml", "tug.yaml", "up.json", ""};
	char path[64];
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	CHECK(access(dir, F_OK) < 0);
}

/* words: separated by blanks. */
static int load(struct options *o, const char *words, struct error *err)
{
	static char text[512];
	char *argv[WORDS];
	int argc = 0, used = 0;
	(void)snprintf(text, sizeof(text), "%s", words);
	for (char *rest = text, *word; (word = strsep(&rest, " ")) != NULL && argc < WORDS;)
		if (*word)
			argv[argc++] = word;
	*err = (struct error){0};
	int r = options_load(o, argc, argv, &used, err);
	if (r == 0)
		CHECK_INT(used, argc);
	return r;
}

static const char *origin(const struct options *o, const char *flag)
{
	const struct option_row *row = option_table;
	while (!row->flag || strcmp(row->flag, flag) != 0)
		row++;
	return o->origin[row - option_table];
}

TEST(a_flag_wins_over_the_environment_over_the_file_over_the_default)
{
	struct options o;
	struct error err;
	begin();
	CHECK_INT(load(&o, "", &err), 0);
	CHECK_STR(o.listen, "127.0.0.1:8000");
	CHECK_STR(origin(&o, "listen"), "default");
	options_done(&o);
	CHECK_INT(setenv("TUG_CONFIG", write_text("tug.yaml", "listen: \"0.0.0.0:1\"\n"), 1), 0);
	CHECK_INT(load(&o, "", &err), 0);
	CHECK_STR(o.listen, "0.0.0.0:1");
	CHECK_STR(origin(&o, "listen"), "file");
	options_done(&o);
	CHECK_INT(setenv("TUG_LISTEN", "0.0.0.0:2", 1), 0);
	CHECK_INT(load(&o, "", &err), 0);
	CHECK_STR(o.listen, "0.0.0.0:2");
	CHECK_STR(origin(&o, "listen"), "environment");
	options_done(&o);
	CHECK_INT(load(&o, "--listen=0.0.0.0:3", &err), 0);
	CHECK_STR(o.listen, "0.0.0.0:3");
	CHECK_STR(origin(&o, "listen"), "flag");
	options_done(&o);
	end();
}

TEST(lists_are_joined_within_one_origin)
{
	struct options o;
	struct error err;
	begin();
	CHECK_INT(setenv("TUG_CONFIG", write_text("tug.yaml", "label: [a=1, b=2]\n"), 1), 0);
	CHECK_INT(load(&o, "", &err), 0);
	CHECK_STR(o.labels, "a=1,b=2");
	options_done(&o);
	CHECK_INT(load(&o, "--label c=3 --label d=4", &err), 0);
	CHECK_STR(o.labels, "c=3,d=4");
	options_done(&o);
	end();
}

TEST(what_is_wrong_is_named)
{
	static const struct {
		const char *words, *says;
	} rows[] = {
	        {"--node", "--node needs a value: NAME"},
	        {"--node Web_1", "\"Web_1\" is not a name"},
	        {"--data-dir relative", "has to be an absolute path"},
	        {"--prefix tug", "has to begin with '/'"},
	        {"--prefix /tug/", "not to end with it"},
	        {"--verbose=1", "takes no value"},
	        {"--tls-cert /x", "certificate and key"},
	        {"--config /nonexistent", "No such file"},
	        {"--engine tcp:/nonsense", "tcp:/nonsense"},
	        {"--engine ssh://me@there", "ssh://me@there"},
	        {"--listen nowhere", "nowhere"},
	};
	begin();
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct options o;
		struct error err;
		CHECK(load(&o, rows[i].words, &err) < 0);
		CHECK_HAS(err.text, rows[i].says);
		options_done(&o);
	}
	struct options o;
	struct error err;
	CHECK_INT(setenv("TUG_CONFIG", write_text("tug.yaml", "nodes: n1\n"), 1), 0);
	CHECK(load(&o, "", &err) < 0);
	CHECK_HAS(err.text, "nodes: no such option");
	options_done(&o);
	end();
}

TEST(secrets_are_not_printed_and_have_no_flag)
{
	struct options o;
	struct error err;
	begin();
	CHECK_INT(setenv("TUG_PASSWORD", "hush", 1), 0);
	CHECK_INT(load(&o, "", &err), 0);
	_cleanup_str_ struct str text = STR_INIT;
	options_print(&o, &text);
	CHECK(!strstr(str_get(&text), "hush"));
	CHECK_HAS(str_get(&text), "***");
	for (const struct option_row *row = option_table; row->env; row++)
		CHECK(!row->secret || !row->flag);
	options_done(&o);
	end();
}

TEST(children_get_all_in_their_environment)
{
	struct options o, child;
	struct error err;
	begin();
	CHECK_INT(load(&o, "--node n7 --listen 0.0.0.0:9 --label a=1", &err), 0);
	options_export(&o);
	CHECK_INT(load(&child, "", &err), 0);
	CHECK_STR(child.node, "n7");
	CHECK_STR(child.listen, "0.0.0.0:9");
	CHECK_STR(child.labels, "a=1");
	CHECK_STR(child.engine, o.engine);
	options_done(&child);
	options_done(&o);
	end();
}

TEST(the_last_start_is_known_when_nothing_is_up)
{
	struct options o;
	struct error err;
	char words[128];
	begin();
	(void)snprintf(words, sizeof(words), "--data-dir %s", dir);
	CHECK_INT(load(&o, words, &err), 0);
	char *found = strdup(o.node);
	options_recall(&o); /* never started here */
	CHECK_STR(o.node, found);
	free(found);
	options_done(&o);

	(void)snprintf(words, sizeof(words), "--data-dir %s --node n7 --engine unix:///x.sock", dir);
	CHECK_INT(load(&o, words, &err), 0);
	CHECK_INT(options_remember(&o), 0);
	options_done(&o);

	(void)snprintf(words, sizeof(words), "--data-dir %s", dir);
	CHECK_INT(load(&o, words, &err), 0);
	options_recall(&o);
	CHECK_STR(o.node, "n7");
	CHECK_STR(o.engine, "unix:///x.sock");
	options_done(&o);

	/* what is said now counts more; a file that is torn says nothing */
	(void)snprintf(words, sizeof(words), "--data-dir %s --node n8", dir);
	CHECK_INT(load(&o, words, &err), 0);
	options_recall(&o);
	CHECK_STR(o.node, "n8");
	CHECK_STR(o.engine, "unix:///x.sock");
	options_done(&o);
	(void)write_text("up.json", "{\"node\":\"n7\",\"eng");
	CHECK_INT(load(&o, words, &err), 0);
	options_recall(&o);
	CHECK_STR(o.node, "n8");
	options_done(&o);
	end();
}

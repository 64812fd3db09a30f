/* Where documents come from: files, directories, URLs and stdin. */
#include "cmd/tug/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cmd/tug/http.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"

static int read_stdin(struct str *out)
{
	char buf[16384];
	size_t n;
	while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0) {
		str_add(out, buf, n);
		if (out->len > LIMIT_STREAM)
			return cli_fail(EXIT_FAILED, "stdin: longer than the bound of %d bytes; divide it",
			                LIMIT_STREAM);
	}
	return EXIT_OK;
}

static int each_document(struct cli *c, const char *source, const struct str *text, each_fn *each, void *ctx)
{
	struct documents all = {0};
	struct error err = {0};
	char said[768];
	if (documents_parse(str_get(text), text->len, &all, &err) < 0)
		return cli_fail(EXIT_FAILED, "%s: %s", source, error_format(&err, said, sizeof(said)));
	int e = EXIT_OK;
	if (all.count == 0)
		e = cli_fail(EXIT_FAILED, "%s: there is no document in it", source);
	for (size_t i = 0; i < all.count; i++) {
		int one = each(c, source, &all.items[i], ctx);
		if (e == EXIT_OK)
			e = one;
	}
	documents_done(&all);
	return e;
}

static int each_source(struct cli *c, const char *source, each_fn *each, void *ctx);

static int is_document_file(const struct dirent *d)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	size_t n = strlen(d->d_name);
	for (size_t i = 0; i < ELEMENTS(endings); i++) {
		size_t m = strlen(endings[i]);
		if (d->d_name[0] != '.' && n > m && streq(d->d_name + n - m, endings[i]))
			return 1;
	}
	return 0;
}

static int each_in_directory(struct cli *c, const char *dir, each_fn *each, void *ctx)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_document_file, alphasort), e = EXIT_OK;
	if (n <= 0)
		e = cli_fail(EXIT_FAILED, "%s: %s", dir,
		             n < 0 ? strerror(errno) : "no .yaml, .yml or .json file in it");
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = mem_printf("%s/%s", dir, names[i]->d_name);
		int one = each_source(c, path, each, ctx);
		if (e == EXIT_OK)
			e = one;
		free(names[i]);
	}
	free(names);
	return e;
}

static int each_source(struct cli *c, const char *source, each_fn *each, void *ctx)
{
	_cleanup_str_ struct str text = STR_INIT;
	struct stat st;
	if (streq(source, "-")) {
		int e = read_stdin(&text);
		return e ? e : each_document(c, "stdin", &text, each, ctx);
	}
	if (str_after(source, "http://") || str_after(source, "https://")) {
		int e = url_fetch(source, &text);
		return e ? e : each_document(c, source, &text, each, ctx);
	}
	if (stat(source, &st) == 0 && S_ISDIR(st.st_mode))
		return each_in_directory(c, source, each, ctx);
	int r = file_read(source, LIMIT_STREAM, &text);
	if (r == -E2BIG)
		return cli_fail(EXIT_FAILED, "%s: longer than the bound of %d bytes; divide it", source,
		                LIMIT_STREAM);
	if (r < 0)
		return cli_fail(EXIT_FAILED, "%s: %s", source, strerror(-r));
	return each_document(c, source, &text, each, ctx);
}

int each_given(struct cli *c, each_fn *each, void *ctx)
{
	int e = EXIT_OK;
	for (unsigned i = 0; cli_flag_at(c, "file", i); i++) {
		int one = each_source(c, cli_flag_at(c, "file", i), each, ctx);
		if (e == EXIT_OK)
			e = one;
	}
	return e;
}

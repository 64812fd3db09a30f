/* Runs a fuzz target over every file of the folders given: the corpus as a regression test, without
 * libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replay(const char *folder)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, NULL, alphasort);
	unsigned ran = 0;
	for (int i = 0; i < n; i++) {
		char path[4096];
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		FILE *f = names[i]->d_name[0] == '.' ? NULL : fopen(path, "rb");
		free(names[i]);
		if (!f)
			continue;
		static uint8_t data[1 << 20];
		size_t size = fread(data, 1, sizeof(data), f);
		(void)fclose(f);
		/* an exact copy, so that a sanitizer sees a read beyond the end */
		uint8_t *copy = malloc(size ? size : 1);
		if (!copy)
			abort();
		for (size_t k = 0; k < size; k++)
			copy[k] = data[k];
		(void)LLVMFuzzerTestOneInput(copy, size);
		free(copy);
		ran++;
	}
	free(names);
	return ran;
}

int main(int argc, char **argv)
{
	unsigned ran = 0;
	for (int i = 1; i < argc; i++)
		ran += replay(argv[i]);
	printf("%u passed, 0 failed\n", ran);
	return ran == 0;
}

/* Loads an ONNX Runtime and makes its environment, as any program does that knows nothing of telemetry; then waits. With
   a name to look up, looks it up instead. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* OrtApiBase and the first entries of OrtApi: onnxruntime_c_api.h, the same in every release. */
struct base {
    const void **(*api)(uint32_t version);
    const char *(*version)(void);
};

int main(int count, char **arguments) {
    struct addrinfo *found = NULL;
    if (count == 3 && strcmp(arguments[1], "lookup") == 0) return (void)getaddrinfo(arguments[2], NULL, NULL, &found), 0;
    if (count != 3) return 2;
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 3;
    const struct base *(*get)(void) = (const struct base *(*)(void))dlsym(library, "OrtGetApiBase");
    const void **api = get ? get()->api(24) : NULL;
    if (!api) return 3;
    void *(*create_environment)(int, const char *, void **) = (void *(*)(int, const char *, void **))api[3];
    void *environment = NULL;
    if (create_environment(3, "control", &environment)) return 3;
    sleep((unsigned)atoi(arguments[2]));
    return 0;
}

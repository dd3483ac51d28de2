/* Loaded before the C library (LD_PRELOAD): writes one line to the file of KILN_TEST_NETWORK_LOG for every look-up of a
   name and every socket of the internet, and lets none of them through. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void note(const char *call, const char *what) {
    const char *path = getenv("KILN_TEST_NETWORK_LOG");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (file < 0) return;
    char line[512];
    size_t length = 0;
    for (const char *part = call; *part && length < 100; part++) line[length++] = *part;
    line[length++] = ' ';
    for (const char *part = what ? what : "?"; *part && length < 500; part++) line[length++] = *part;
    line[length++] = '\n';
    if (write(file, line, length) < 0) abort();
    close(file);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    (void)service, (void)hints, (void)result;
    note("getaddrinfo", node);
    return EAI_FAIL;
}

struct hostent *gethostbyname(const char *name) {
    note("gethostbyname", name);
    return NULL;
}

struct hostent *gethostbyname2(const char *name, int family) {
    (void)family;
    note("gethostbyname2", name);
    return NULL;
}

int gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t length, struct hostent **result,
                    int *error) {
    (void)entry, (void)buffer, (void)length;
    note("gethostbyname_r", name);
    *result = NULL;
    *error = HOST_NOT_FOUND;
    return HOST_NOT_FOUND;
}

#define RESOLVER(name)                                                                                   \
    int name(const char *domain, int class, int type, unsigned char *answer, int length) {               \
        (void)class, (void)type, (void)answer, (void)length;                                             \
        note(#name, domain);                                                                             \
        return -1;                                                                                       \
    }
RESOLVER(res_query)
RESOLVER(res_search)
RESOLVER(__res_query)
RESOLVER(__res_search)

int socket(int domain, int type, int protocol) {
    if (domain == AF_INET || domain == AF_INET6) {
        note("socket", domain == AF_INET ? "internet" : "internet, version 6");
        errno = EACCES;
        return -1;
    }
    return (int)syscall(SYS_socket, domain, type, protocol);
}

int connect(int handle, const struct sockaddr *address, socklen_t length) {
    note("connect", address && address->sa_family == AF_UNIX ? "a local socket" : "the internet");
    return (int)syscall(SYS_connect, handle, address, length);
}

/* lookup prints, for each argument A:NAME or AAAA:NAME, the addresses that getaddrinfo gives, a
   line for each argument. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int count, char **arguments) {
  for (int i = 1; i < count; i++) {
    char *name = strchr(arguments[i], ':') + 1;
    struct addrinfo *all = NULL, hints = {.ai_socktype = SOCK_STREAM};
    hints.ai_family = arguments[i][1] == ':' ? AF_INET : AF_INET6;
    int failed = getaddrinfo(name, NULL, &hints, &all);
    printf("%s", arguments[i]);
    for (struct addrinfo *each = failed ? NULL : all; each; each = each->ai_next) {
      char text[INET6_ADDRSTRLEN] = "";
      void *address = each->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
                                                 : (void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
      printf(" %s", inet_ntop(each->ai_family, address, text, sizeof text));
    }
    printf("\n");
  }
}

# `make image` builds this for each platform, from a layer that it has made
# before: the static program /coredns with the file capability to bind port 53.
# So nothing runs here, and the base may even be `scratch`. CoreDNS's own image
# has the same base, user and capability.
#
# The certificates of authorities are those of the base, else the ones that the
# program brings along.
ARG BASE=gcr.io/distroless/static-debian12:nonroot

FROM ${BASE}
ARG TARGETOS
ARG TARGETARCH
ARG VERSION
ARG COMMIT
ARG CREATED
LABEL org.opencontainers.image.title="CoreDNS with k8s_endpoints" \
      org.opencontainers.image.description="Answers for headless and ExternalName Services of Kubernetes, from EndpointSlices" \
      org.opencontainers.image.source="https://github.com/k8s-endpoints/k8s_endpoints" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${CREATED}"
ADD build/image/${TARGETOS}-${TARGETARCH}.tar /
# Only of a number can Kubernetes tell that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /
EXPOSE 53 53/udp
ENTRYPOINT ["/coredns"]

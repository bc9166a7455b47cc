# One image for each binary: the static binary, and nothing else. No shell, no packages, no root.
#
# The build context is scripts/images, which scripts/images.sh fills; `--target` names the binary.
# The binaries carry the CA roots that TLS needs. Docker's timing of the health checks stands here, so
# that an image started by hand has them too: a daemon that beats is healthy within seconds.

FROM scratch AS base
LABEL org.opencontainers.image.title="MarketSwarm" org.opencontainers.image.licenses="MIT"
# What has to outlive a container (see STATE_DIR). A new volume mounted here takes over its owner.
COPY --chown=65532:65532 state /state
USER 65532:65532

FROM base AS bootstrap
COPY bootstrap /bootstrap
ENTRYPOINT ["/bootstrap"]

FROM base AS rss_agg
COPY rss_agg /rss_agg
ENTRYPOINT ["/rss_agg"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s --retries=3 CMD ["/rss_agg", "--healthcheck"]

FROM base AS massive
COPY massive /massive
ENTRYPOINT ["/massive"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s --retries=3 CMD ["/massive", "--healthcheck"]

FROM base AS mesh
COPY mesh /mesh
ENTRYPOINT ["/mesh"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s --retries=3 CMD ["/mesh", "--healthcheck"]

FROM base AS vexy_ai
COPY vexy_ai /vexy_ai
ENTRYPOINT ["/vexy_ai"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s --retries=3 CMD ["/vexy_ai", "--healthcheck"]

FROM base AS healer
COPY healer /healer
ENTRYPOINT ["/healer"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s --retries=3 CMD ["/healer", "--healthcheck"]

FROM base AS sentinel
COPY sentinel /sentinel
ENTRYPOINT ["/sentinel"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s --retries=3 CMD ["/sentinel", "--healthcheck"]

FROM base AS console
COPY console /console
EXPOSE 8480
ENTRYPOINT ["/console"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=75s --retries=3 CMD ["/console", "--healthcheck"]

FROM base AS marketswarm
COPY marketswarm /marketswarm
ENTRYPOINT ["/marketswarm"]

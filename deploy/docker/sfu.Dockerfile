# The media plane: mediasoup, Sources and HLS. docker build -f deploy/docker/sfu.Dockerfile -t framelock-sfu .
# Node 24 and pnpm come from the npm registry, as in set-up; Debian's Node 18 only fetches them.
FROM debian:12-slim AS tools
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates nodejs npm \
  && rm -rf /var/lib/apt/lists/* \
  && npm install --global --prefix /opt/tools node@24.21.0
ENV PATH=/opt/tools/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

FROM tools AS packages
WORKDIR /build
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY server/package.json server/
COPY sfu/package.json sfu/
COPY inference/package.json inference/
COPY client/package.json client/
COPY db/package.json db/
COPY deploy/package.json deploy/
COPY deploy/setup deploy/setup
COPY deploy/docker/prepare.mjs deploy/docker/
RUN node deploy/docker/prepare.mjs packages

# Minutes where GitHub does not answer (the worker is built then), and its own stage, so that sources don't make it again.
FROM packages AS worker
RUN node deploy/docker/prepare.mjs worker

FROM worker AS build
COPY . .
RUN node deploy/docker/prepare.mjs image sfu /image

FROM debian:12-slim
# The libraries are those that a worker built here is linked to; the downloaded one has its own inside.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates ffmpeg libsrtp2-1 libuv1 libssl3 libabsl20220623 libstdc++6 \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 framelock \
  && useradd --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin framelock \
  && mkdir -p /data /files && chown 10001:10001 /data /files
COPY --from=build /image/ /
WORKDIR /opt/framelock
ENV NODE_ENV=production HOST=0.0.0.0 RTC_PORT=40000 CONTROL_HOST=container CONTROL_PORT=8081 HLS_HOST=0.0.0.0 HLS_PORT=8083
ENV DATA_DIR=/data SOURCE_FILES_DIR=/files FFMPEG_BIN=/usr/bin/ffmpeg MEDIASOUP_WORKER_BIN=/usr/local/bin/mediasoup-worker
USER 10001:10001
VOLUME /data /files
EXPOSE 40000/udp 40000/tcp 8081/tcp 8083/tcp 1935/tcp 9710-9809/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["node", "deploy/docker/healthy.mjs"]
ENTRYPOINT ["/opt/framelock/deploy/docker/entrypoint.sh"]
CMD ["node", "sfu/src/main.ts"]

# Analysis on the CPU. docker build -f deploy/docker/inference.Dockerfile -t framelock-inference .
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

FROM packages AS build
COPY . .
RUN node deploy/docker/prepare.mjs image inference /image

FROM debian:12-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 framelock \
  && useradd --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin framelock \
  && mkdir -p /data && chown 10001:10001 /data
COPY --from=build /image/ /
WORKDIR /opt/framelock
ENV NODE_ENV=production CONTROL_HOST=container CONTROL_PORT=8082 DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8082/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "deploy/docker/healthy.mjs"]
ENTRYPOINT ["/opt/framelock/deploy/docker/entrypoint.sh"]
CMD ["node", "inference/src/main.ts"]

# Analysis on an NVIDIA GPU. docker build -f deploy/docker/inference-cuda.Dockerfile -t framelock-inference-cuda .
# The host has the driver (580 or later, for CUDA 13) and NVIDIA's container toolkit. Not tried on a GPU yet (docs/DEPLOY.md).
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

# ONNX Runtime's CUDA provider of onnxruntime-node's own version, and NVIDIA's libraries, all from PyPI: the npm package
# has neither, and its install script would fetch the provider from NuGet.
FROM debian:12-slim AS cuda
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates python3-pip \
  && rm -rf /var/lib/apt/lists/* \
  && pip install --no-cache-dir --no-deps --only-binary :all: --target /wheels \
    onnxruntime-gpu==1.30.0 nvidia-cuda-runtime==13.5.37 nvidia-cuda-nvrtc==13.5.37 nvidia-cublas==13.10.0.20 \
    nvidia-cufft==12.5.0.14 nvidia-curand==10.4.5.25 nvidia-cudnn-cu13==9.28.0.42 \
  && mkdir -p /image/usr/local/lib/cuda /image/opt/framelock-provider \
  && find /wheels/nvidia -name 'lib*.so*' -exec mv -t /image/usr/local/lib/cuda {} + \
  && mv /wheels/onnxruntime/capi/libonnxruntime_providers_cuda.so /wheels/onnxruntime/capi/libonnxruntime_providers_shared.so \
    /image/opt/framelock-provider \
  && rm -rf /wheels

FROM debian:12-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 framelock \
  && useradd --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin framelock \
  && mkdir -p /data && chown 10001:10001 /data
COPY --from=cuda /image/ /
COPY --from=build /image/ /
# The provider is looked for beside the npm package's library.
RUN mv /opt/framelock-provider/* "$(dirname "$(find /opt/framelock/node_modules/.pnpm/onnxruntime-node@*/ -name libonnxruntime.so.1 -path '*linux/x64*')")" \
  && rmdir /opt/framelock-provider
WORKDIR /opt/framelock
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility LD_LIBRARY_PATH=/usr/local/lib/cuda
ENV NODE_ENV=production CONTROL_HOST=container CONTROL_PORT=8082 DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8082/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "deploy/docker/healthy.mjs"]
ENTRYPOINT ["/opt/framelock/deploy/docker/entrypoint.sh"]
CMD ["node", "inference/src/main.ts"]

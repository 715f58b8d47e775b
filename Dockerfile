# syntax=docker/dockerfile:1
# The program on glibc, which DuckDB's binding needs. For both platforms:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg COMMIT="$(git rev-parse HEAD)" -t zoom-chat-archiver .
# It writes nothing to its own file system: mount what holds the configuration, the spool and a folder for /tmp.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# What it makes is the same for each platform, so it runs on the one that builds.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY portal ./portal
RUN npm run --silent build

# On the platform that it is for: its packages hold machine code.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="zoom-chat-archiver" \
      org.opencontainers.image.description="Archives Zoom Team Chat, every revision of every message, into immutable objects on S3 or a directory." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tini && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production HEALTH_PORT=9464
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json config.schema.json retention.schema.json LICENSE ./
# By number, so that Kubernetes can tell that it is not root; `node` of the base image.
USER 1000:1000
EXPOSE 9464 9465 9466 9467
# The daemon's; for `serve` set HEALTH_PORT to the port of portal.metrics.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HEALTH_PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "/app/dist/main.js"]
CMD ["run", "--config", "/etc/zoom-chat-archiver/archiver.yaml"]

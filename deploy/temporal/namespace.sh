#!/bin/sh
# Creates the namespace or corrects its retention, and registers the search attributes that Runmend's runs carry.
# Run by docker-compose.yml after every start of the server; a second run changes nothing.
# Reads TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, as the temporal CLI does, and RETENTION.
set -eu

tries=30
until temporal operator cluster health >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
        echo "error: the Temporal server at $TEMPORAL_ADDRESS does not serve" >&2
        exit 1
    fi
    sleep 2
done

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi

# The server's parts hear of a new namespace, and then of its attributes, seconds later: so the registration may need
# another try, and its end is waited for. Runmend's worker registers what is missing too; this is before any alert comes.
tries=30
until temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
    --name Target --type Keyword \
    --name KubeNamespace --type Keyword \
    --name AlertName --type Keyword \
    --name Fingerprints --type KeywordList \
    --name Outcome --type Keyword \
    --name Reason --type Keyword &&
    temporal workflow count --namespace "$TEMPORAL_NAMESPACE" \
        --query "Target = '' OR KubeNamespace = '' OR AlertName = '' OR Fingerprints = '' OR Outcome = '' OR Reason = ''"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
    sleep 2
done
